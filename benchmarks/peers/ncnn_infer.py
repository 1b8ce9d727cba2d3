"""ncnn's inference in f32, one sample at a time: its tensors have no batch."""
import ncnn
import numpy

import protocol


def main():
    args = protocol.arguments("f32")
    net = ncnn.Net()
    net.opt.num_threads = args.threads
    net.opt.use_winograd_convolution = True
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    path = protocol.converted(args, "ncnn")
    net.load_param(path)
    net.load_model(path.removesuffix(".param") + ".bin")
    batch = protocol.images(args)
    x = ncnn.Mat(batch[0]).clone()

    def predict():
        extractor = net.create_extractor()
        extractor.input("in0", x)
        return numpy.array(extractor.extract("out0")[1])

    protocol.serve_logits(predict, args)


if __name__ == "__main__":
    main()
