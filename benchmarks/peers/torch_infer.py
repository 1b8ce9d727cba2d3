"""PyTorch's inference: channels_last, traced and frozen, or compiled with frozen weights."""
import torch

import nets
import protocol


def main():
    args = protocol.arguments("frozen", "compiled")
    torch.set_num_threads(args.threads)
    net = nets.load(args.net, args.weights).to(memory_format=torch.channels_last).eval()
    batch = torch.from_numpy(protocol.images(args)).to(memory_format=torch.channels_last)
    with torch.no_grad():
        if args.setting == "frozen":
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, batch)))
        else:
            net = torch.compile(net, options={"freezing": True})
        protocol.serve_logits(lambda: net(batch).numpy(), args)


if __name__ == "__main__":
    main()
