"""Weights of other code bases load by their content alone and compute what theirs do; anything else is refused in words."""

import argparse
import collections
import pickle
from pathlib import Path

import pytest
import torch

from bench.common.errors import BenchError
from bench.converters.recognition import CONVERTERS, recognised
from bench.converters.state_dict import read, unwrapped
from bench.spec import catalog
from bench.spec.component import Component
from tests.checkpoint_samples import OPENSTL, SAMPLES, frames, hollow, saved
from tests.hostile import Hostile
from tests.parity import FOLDER

HERE = Path("model.pth")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_familys_file_gives_its_outputs(name, tmp_path):
    sample = SAMPLES[name]
    converted = recognised(read(saved(tmp_path / "model.pth", sample.weights())), options=sample.options)
    context = frames(sample)
    model = catalog.build(
        "models", converted.model.name, converted.model.options, shape=tuple(context.shape[2:]), context=3, horizon=3
    ).eval()
    model.load_state_dict(converted.weights)
    assert converted.model.name == sample.model
    with torch.inference_mode():
        assert (model(context, 3) - sample.expected()).abs().max() <= sample.part.tolerance


def test_every_converter_has_a_sample_but_lmc_whose_names_are_ours_and_simvps_first_code_which_has_tests_of_its_own():
    assert {sample.model for sample in SAMPLES.values()} | {"lmc", "simvp_first"} == set(CONVERTERS)


@pytest.mark.parametrize("name", OPENSTL)
def test_openstls_files_at_full_size_tell_model_and_sizes(name):
    converted = recognised(unwrapped(hollow(name), HERE))
    assert converted.model.name == {"convlstm_l": "convlstm", "simvp_gsta": "simvp", "simvp_incepu": "simvp"}.get(name, name)
    ours = catalog.build("models", converted.model.name, converted.model.options, shape=(1, 64, 64), context=10, horizon=10)
    assert {k: t.shape for k, t in ours.state_dict().items()} == {k: t.shape for k, t in converted.weights.items()}
    assert converted.size in (None, (64, 64)) and converted.channels == 1 and converted.context in (None, 10)


@pytest.mark.parametrize("name", OPENSTL)
def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(name):
    keys = list(OPENSTL[name])
    for key in (keys[0], keys[len(keys) // 2], keys[-1]):
        weights = dict(hollow(name))
        del weights[key]
        if (name, key) != ("predrnn_v2", "adapter.weight"):  # without it, it is a PredRNN
            refused(weights, f"'{key}' is missing")
        refused({**hollow(name), f"{key}_2": torch.zeros(3)}, f"'{key}_2' is not expected")
        refused({**hollow(name), key: torch.zeros(()).expand(*OPENSTL[name][key], 2)}, f"'{key}' has the shape")


def refused(weights, words):
    with pytest.raises(BenchError) as error:
        recognised(unwrapped(weights, HERE))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_wrong_family_is_refused_by_a_name_that_it_does_not_have():
    with pytest.raises(
        BenchError, match=r"looks like PredRNN of.* not like ConvLSTM of OpenSTL, which has no '.*conv_m.0.weight'"
    ):
        recognised(unwrapped(hollow("predrnn"), HERE), "convlstm")
    with pytest.raises(BenchError, match="no published weights are known for trajgru"):
        recognised(unwrapped(hollow("predrnn"), HERE), "trajgru")
    with pytest.raises(BenchError, match=r"of no family that is known here: no model has a '0.weight'"):
        recognised(unwrapped(torch.nn.Sequential(torch.nn.Linear(2, 2)).state_dict(), HERE))


def test_openstls_e3d_lstm_for_kth_is_refused_as_its_strided_convolutions_are_not_here():
    """Weights do not show a stride; the patches of 8 do, which OpenSTL's KTH configuration alone has."""
    weights = dict(hollow("e3d_lstm_openstl"))
    names = {"cell_list.0.conv_x.0.conv3d.weight": 1, "conv_last.weight": 0}
    for name, dimension in names.items():
        shape = list(OPENSTL["e3d_lstm_openstl"][name])
        shape[dimension] *= 4  # 16 channels of patches of 4 become 64
        weights[name] = torch.zeros(()).expand(shape)
    refused(
        weights, "its patches of 8 are of the KTH configuration, whose strided convolutions this suite's model does not have"
    )


SWIN_BLOCK = {
    "before_attention": "norm1", "before_perceptron": "norm2", "attention.inward": "attn.qkv", "attention.outward": "attn.proj",
    "perceptron.0": "mlp.fc1", "perceptron.2": "mlp.fc2", "fuse": "red",
}  # fmt: skip


@pytest.mark.parametrize(
    ("stack", "readout"),
    [("ST.layer.STBs", "ST.patch_inflated.Conv"), ("ST.layers.0.Swin.layers", "ST.PatchInflated.ConvT")],
)
def test_swinlstm_b_is_told_from_d_by_its_names_and_has_the_published_number_of_parameters(stack, readout):
    """Both code bases have both models; the names of B begin with ST, and 2,778,417 parameters are in the authors' file."""
    options = {"width": 128, "depths": (12,), "heads": (4,), "window": 4}
    ours = catalog.build("models", "swinlstm", options, shape=(1, 64, 64))
    names = {"embed": "ST.patch_embed.proj", "embed_norm": "ST.patch_embed.norm", "readout": readout}
    for n in range(12):
        block = f"cells.0.blocks.{n}"
        names |= {f"{block}.{role}": f"{stack}.{n}.{theirs}" for role, theirs in SWIN_BLOCK.items()}
        names[f"{block}.attention"] = f"{stack}.{n}.attn"
    weights = {}
    for name, tensor in ours.state_dict().items():
        module, _, kind = name.rpartition(".")
        kind = "relative_position_bias_table" if kind == "position_bias" else kind
        weights[f"{names[module]}.{kind}"] = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(len(weights)))
    used = len(weights)
    for n in range(1, 12, 2):  # carried and unused
        weights |= {f"{stack}.{n}.red.weight": torch.zeros(128, 256), f"{stack}.{n}.red.bias": torch.zeros(128)}
    assert sum(tensor.numel() for tensor in weights.values()) == 2_778_417
    converted = recognised(unwrapped(weights, HERE))
    assert converted.model == Component("swinlstm", **options) and len(converted.weights) == used
    assert converted.weights["readout.bias"].equal(weights[f"{readout}.bias"])
    D = recognised(unwrapped(SAMPLES["swinlstm"].weights(), HERE))
    assert D.model.name == "swinlstm" and len(D.model.options["depths"]) > 1


def test_a_size_that_the_user_gives_otherwise_is_refused_with_both():
    with pytest.raises(BenchError, match="is ConvLSTM of OpenSTL with hidden=128, not 64"):
        recognised(unwrapped(hollow("convlstm"), HERE), options={"hidden": 64})


def test_values_that_are_no_numbers_are_refused_by_name():
    weights = {**SAMPLES["convlstm"].weights()}
    weights["cell_list.1.conv_h.0.weight"] = weights["cell_list.1.conv_h.0.weight"].clone()
    weights["cell_list.1.conv_h.0.weight"][0, 0, 0, 0] = torch.nan
    refused(weights, "'cell_list.1.conv_h.0.weight' holds values that are no finite numbers")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.int64])
def test_whole_numbers_for_weights_are_refused_by_name(name, kind):
    weights = {key: tensor.mul(100).to(kind) for key, tensor in SAMPLES[name].weights().items()}
    refused(weights, f"holds {str(kind).removeprefix('torch.')}, not floating-point numbers; quantised weights are not read")


WRAPPINGS = {
    "plain": lambda weights: weights,
    "ordered": collections.OrderedDict,
    "data parallel": lambda weights: {f"module.{key}": tensor for key, tensor in weights.items()},
    "lightning": lambda weights: {
        "epoch": 3, "global_step": 9, "pytorch-lightning_version": "2.0",
        "state_dict": {f"model.{key}": tensor for key, tensor in weights.items()},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(1.0)}}, "hyper_parameters": {"lr": 1e-3},
    },
    "thuml": lambda weights: {"net_param": weights},
    "state_dict": lambda weights: {"state_dict": weights},
    "model": lambda weights: {"model": weights, "epoch": 3},
    "model_state_dict": lambda weights: {"model_state_dict": weights, "optimizer_state_dict": {"state": {}}},
    "parallel twice": lambda weights: {f"module.module.{key}": tensor for key, tensor in weights.items()},
    "compiled": lambda weights: {f"_orig_mod.{key}": tensor for key, tensor in weights.items()},
    "compiled inside": lambda weights: {key.replace(".conv_x", "._orig_mod.conv_x"): t for key, t in weights.items()},
    "all of them": lambda weights: {"state_dict": {f"model.module._orig_mod.{key}": t for key, t in weights.items()}},
    "with settings and a schedule": lambda weights: {
        "args": argparse.Namespace(lr=0.1), "model": weights, "where": Path("somewhere"),
    },
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_weights_are_taken_out_of_what_they_are_wrapped_in(wrapping, tmp_path):
    weights = SAMPLES["convlstm"].weights()
    state = read(saved(tmp_path / "model.pth", WRAPPINGS[wrapping](weights)))
    assert state.tensors.keys() == weights.keys()
    assert all(torch.equal(state.tensors[key], tensor) for key, tensor in weights.items())


@pytest.mark.parametrize("average", ["model_ema", "ema_state_dict", "state_dict_ema"])
def test_further_weights_beside_those_that_are_taken_are_named(average, tmp_path):
    weights = SAMPLES["convlstm"].weights()
    averaged = {f"module.{key}": tensor / 2 for key, tensor in weights.items()}
    state = read(saved(tmp_path / "model.pth", {"model": weights, average: averaged, "best": {"psnr": torch.tensor(20.0)}}))
    assert state.others == (average,) and torch.equal(state.tensors["conv_last.weight"], weights["conv_last.weight"])


def test_the_one_name_that_is_not_behind_the_prefix_of_the_others_is_blamed():
    weights = {f"model.{key}": tensor for key, tensor in SAMPLES["predrnn"].weights().items()}
    refused(
        {**weights, "ema.decay": torch.tensor(0.99)}, "known here: 'ema.decay' is not behind 'model.', as its other names are"
    )


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_become_float32(kind, tmp_path):
    weights = SAMPLES["convlstm"].weights()
    state = read(saved(tmp_path / "model.pth", {key: tensor.to(kind) for key, tensor in weights.items()}))
    assert {tensor.dtype for tensor in state.tensors.values()} == {torch.float32}
    assert state.stored == str(kind).removeprefix("torch.")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("wrapping", [*WRAPPINGS, "beside", "pickle"])
def test_a_hostile_file_is_refused_unexecuted_in_each_of_the_forms(wrapping, legacy, tmp_path):
    path, bad = tmp_path / "model.pth", Hostile(tmp_path / "executed")
    weights = {**SAMPLES["convlstm"].weights(), "cell_list.0.conv_h.0.weight": bad}
    if wrapping == "pickle":
        path.write_bytes(pickle.dumps(weights, 2))
    else:
        contents = (
            {"state_dict": SAMPLES["convlstm"].weights(), "extra": bad}
            if wrapping == "beside"
            else WRAPPINGS[wrapping](weights)
        )
        torch.save(contents, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        BenchError, match=r"no checkpoint of weights alone: .*(asks to run|more (in it )?than tensors)"
    ) as error:
        read(path)
    assert "\n" not in str(error.value) and not (tmp_path / "executed").exists()


def test_what_is_read_beside_the_weights_does_nothing(tmp_path):
    class Getter:
        def __reduce__(self):
            return getattr, (Path(tmp_path), "touch")

    with pytest.raises(BenchError, match=r"no checkpoint of weights alone|no state dict"):
        read(saved(tmp_path / "model.pth", {"weight": Getter()}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.zeros(2)], "is no state dict but list"),
        (torch.zeros(2), "is no state dict but Tensor"),
        ({"epoch": 3}, "it holds int by the name of 'epoch'"),
        ({3: torch.zeros(2)}, "it holds Tensor by the name of 3"),
        ({"weight": torch.zeros(2).to_sparse()}, "'weight' is no plain tensor"),
    ],
)
def test_what_is_no_state_dict_is_refused_in_words(content, words, tmp_path):
    with pytest.raises(BenchError, match=words):
        read(saved(tmp_path / "model.pth", content))


@pytest.mark.parametrize("length", [0, 1, 100, 2000])
def test_a_file_that_was_cut_off_is_refused(length, tmp_path):
    path = saved(tmp_path / "model.pth", SAMPLES["convlstm"].weights())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BenchError, match="cut off, damaged, or with more in it than tensors"):
        read(path)


def test_the_key_names_are_facts_in_a_file_beside_the_parity_vectors():
    assert (FOLDER / "openstl_state_dicts.json").exists() and len(OPENSTL) == 12
