"""The table of cases: name -> object with run(name, args) -> Report. To add a case, add a line here."""
from epoch import Epoch
from layers import Layers
from memory import Memory
from race import Race
from scaling import Scaling
from settings import inference, tinycnn, torch_training, torch_training_avx2


def training(net, *contracts):
    return Race(net, "train", 64, tinycnn(f"bench_{net}_train"), {"torch": torch_training(net)}, contracts=contracts)


def predicting(net, batch, contract):
    return Race(net, "infer", batch, tinycnn(f"bench_{net}_infer"), inference(net, batch),
                repeats=20 if batch == 1 else 1, contracts=(("f32", contract),))


CASES = {
    "hw3-train": training("hw3", ("f32", 3.3), ("bf16", 1.7)),
    "hw3-train-avx2": Race("hw3", "train", 64, tinycnn("bench_hw3_train_avx2", "f32, AVX2"),
                           {"torch": torch_training_avx2("hw3")}, contracts=(("f32", 1.8),)),
    "hw3-infer": predicting("hw3", 64, 2.0),
    "hw3-infer-b1": predicting("hw3", 1, 1.6),
    "resnet18-train": training("resnet18", ("f32", 1.8)),
    "resnet18-infer": predicting("resnet18", 64, 1.4),
    "resnet18-infer-b1": predicting("resnet18", 1, 1.0),
    "layers": Layers(),
    "memory": Memory((training("hw3"), training("resnet18"))),
    "epoch": Epoch(),
    "scaling": Scaling(),
}
