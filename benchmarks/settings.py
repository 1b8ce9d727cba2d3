"""The systems and their settings: the best ones for each, and for PyTorch also those of a course."""
import pathlib
import sys

from worker import Setting

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ("torch", "mnn", "openvino", "onnxruntime", "ncnn")
JEMALLOC = ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2")
KEEP_PAGES = {"MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
AVX2_ONLY = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def tinycnn(program, name="f32"):
    return Setting("tinycnn", name, (str(ROOT / "build/release" / program),))


def peer(script, *arguments):
    return (sys.executable, str(ROOT / "benchmarks/peers" / f"{script}.py"), *arguments)


def torch_training(net):
    def command(key):
        return peer("torch_train", "--net", net, "--setting", key)

    return (
        Setting("torch", "eager NCHW, stock malloc", command("nchw")),
        Setting("torch", "eager channels_last, stock malloc", command("nhwc")),
        Setting("torch", "eager NCHW, jemalloc", command("nchw-fused"), KEEP_PAGES, JEMALLOC),
        Setting("torch", "eager channels_last, jemalloc", command("nhwc-fused"), KEEP_PAGES, JEMALLOC),
        Setting("torch", "compiled channels_last, jemalloc", command("nhwc-compiled"), KEEP_PAGES, JEMALLOC),
        Setting("torch", "bf16 autocast channels_last, jemalloc", command("nhwc-bf16"), KEEP_PAGES, JEMALLOC, "bf16"),
    )


def torch_training_avx2(net):
    eager = {"nchw-fused": "eager NCHW, jemalloc", "nhwc-fused": "eager channels_last, jemalloc"}
    return tuple(
        Setting("torch", f"AVX2, {name}", peer("torch_train", "--net", net, "--setting", key), KEEP_PAGES | AVX2_ONLY,
                JEMALLOC) for key, name in eager.items()
    )


def inference(net, batch):
    """peer -> its settings; ncnn does not support batches."""
    def torch(key):
        return peer("torch_infer", "--net", net, "--setting", key)

    settings = {
        "torch": (
            Setting("torch", "traced and frozen, jemalloc", torch("frozen"), KEEP_PAGES, JEMALLOC),
            Setting("torch", "compiled, jemalloc", torch("compiled"), KEEP_PAGES, JEMALLOC),
        ),
        "mnn": (Setting("mnn", "f32", peer("mnn_infer")),),
        "openvino": (
            Setting("openvino", "f32", peer("openvino_infer", "--setting", "f32")),
            Setting("openvino", "bf16", peer("openvino_infer", "--setting", "bf16"), precision="bf16"),
        ),
        "onnxruntime": (Setting("onnxruntime", "f32", peer("onnxruntime_infer")),),
    }
    if batch == 1:
        settings["ncnn"] = (Setting("ncnn", "f32", peer("ncnn_infer")),)
    return settings
