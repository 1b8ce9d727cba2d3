"""onnxruntime's inference on its CPU provider with all graph optimisations."""
import onnxruntime

import protocol


def main():
    args = protocol.arguments("f32")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(protocol.converted(args, "onnx"), options, ["CPUExecutionProvider"])
    batch = {"images": protocol.images(args)}
    protocol.serve_logits(lambda: session.run(None, batch)[0], args)


if __name__ == "__main__":
    main()
