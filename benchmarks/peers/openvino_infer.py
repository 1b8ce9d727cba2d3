"""OpenVINO's inference on its CPU plugin, tuned for latency: one stream over all threads."""
import openvino

import protocol


def main():
    args = protocol.arguments("f32", "bf16")
    model = openvino.Core().compile_model(protocol.converted(args, "onnx"), "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": args.setting, "INFERENCE_NUM_THREADS": args.threads})
    request = model.create_infer_request()
    batch = protocol.images(args)
    request.set_input_tensor(openvino.Tensor(batch, shared_memory=True))  # which does not keep a reference to the array

    def predict():
        request.infer()
        return request.get_output_tensor().data

    protocol.serve_logits(predict, args)


if __name__ == "__main__":
    main()
