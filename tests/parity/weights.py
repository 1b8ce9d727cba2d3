# Exchanges weights between PyTorch and tinycnn: the code in docs/weights.md, which parity.py runs.
from safetensors.torch import load_file, save_file

def to_tinycnn(net, path):    # then in C++: model.load(path), or Predictor(path, threads)
    save_file(net.state_dict(), path)
def from_tinycnn(net, path):  # after model.save(path) in C++
    net.load_state_dict(load_file(path), strict=True)
