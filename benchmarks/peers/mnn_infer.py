"""MNN's inference on the CPU in f32."""
import protocol  # first, since MNN prints during its import

import MNN


def main():
    args = protocol.arguments("f32")
    runtime = MNN.nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": args.threads},))
    net = MNN.nn.load_module_from_file(protocol.converted(args, "mnn"), ["images"], ["logits"],
                                       runtime_manager=runtime)
    batch = protocol.images(args)
    x = MNN.expr.placeholder(list(batch.shape), MNN.expr.NCHW)
    x.write(batch.ravel().tolist())
    protocol.serve_logits(lambda: net.forward(x).read(), args)


if __name__ == "__main__":
    main()
