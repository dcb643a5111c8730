"""What comes from elsewhere: frames, weights and scores of other people's code."""
