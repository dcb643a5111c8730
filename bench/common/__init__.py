"""What every other package stands on: errors, atomic files, leases, pictures, facts about this machine."""
