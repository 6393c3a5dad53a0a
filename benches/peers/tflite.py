"""Convolutional networks from ONNX to LiteRT's format, as the exporter of this project writes them.

The usual converters go through TensorFlow or PyTorch; these networks need six operators. Planes are stored channels last.
"""

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy
import onnx
import onnx.numpy_helper


class Writer:
    """A graph of one chain of operators."""

    def __init__(self):
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.codes = []
        # The first buffer is that of values without constants.
        self.buffers = [schema.BufferT()]

    def tensor(self, shape, values=None):
        tensor = schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = schema.TensorType.FLOAT32 if values is None or values.dtype == "<f4" else schema.TensorType.INT32
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = numpy.frombuffer(numpy.ascontiguousarray(values).tobytes(), numpy.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        tensor.name = f"value{len(self.graph.tensors)}"
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, values):
        return self.tensor(values.shape, values)

    def operator(self, name, inputs, shape, options=None, **settings):
        """Appends an operator and returns its value."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = inputs, [self.tensor(shape)]
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, options + "T")()
            for key, value in settings.items():
                setattr(operator.builtinOptions, key, value)
        self.graph.operators.append(operator)
        return operator.outputs[0]

    def finish(self, source, result):
        self.graph.inputs, self.graph.outputs = [source], [result]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [self.graph], self.buffers, []
        for code in self.codes:
            operator = schema.OperatorCodeT()
            operator.builtinCode = operator.deprecatedBuiltinCode = code
            operator.version = 1
            model.operatorCodes.append(operator)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def convert(path, shape):
    """The network at `path`, for images of `shape` (n, 1, height, width), as the bytes of a file."""
    graph = onnx.load(path).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    writer = Writer()
    batch, channels, height, width = shape
    source = value = writer.tensor([batch, height, width, channels])
    flattened = None
    for node in graph.node:
        weights = [constants[name] for name in node.input[1:]]
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        size = list(writer.graph.tensors[value].shape)
        strides = dict(zip(["strideH", "strideW"], attributes.get("strides", []), strict=False))
        if node.op_type == "Sub":
            mean = writer.constant(weights[0].transpose(1, 2, 0)[None])
            value = writer.operator("SUB", [value, mean], size, "SubOptions")
        elif node.op_type == "Conv" and same_padding(size, size, attributes):
            parameters = [writer.constant(weights[0].transpose(0, 2, 3, 1)), writer.constant(weights[1])]
            size = [*size[:3], len(weights[1])]
            settings = strides | {"padding": schema.Padding.SAME, "dilationHFactor": 1, "dilationWFactor": 1}
            value = writer.operator("CONV_2D", [value, *parameters], size, "Conv2DOptions", **settings)
        elif node.op_type == "PRelu":
            slopes = writer.constant(weights[0].reshape([1] * (len(size) - 2) + [-1]))
            value = writer.operator("PRELU", [value, slopes], size)
        elif node.op_type == "MaxPool":
            half = [size[0], *(-(-d // s) for d, s in zip(size[1:3], attributes["strides"], strict=True)), size[3]]
            if not same_padding(size, half, attributes):
                raise ValueError("the converter knows no other padding than SAME")
            kernel = dict(zip(["filterHeight", "filterWidth"], attributes["kernel_shape"], strict=True))
            settings = strides | kernel | {"padding": schema.Padding.SAME}
            value = writer.operator("MAX_POOL_2D", [value], half, "Pool2DOptions", **settings)
        elif node.op_type == "Flatten":
            flattened = size[1:]
            size = [batch, int(numpy.prod(flattened))]
            target = writer.constant(numpy.array(size, "<i4"))
            value = writer.operator("RESHAPE", [value, target], size, "ReshapeOptions", newShape=size)
        elif node.op_type == "Gemm":
            matrix, bias = weights
            if flattened:
                # Columns for channels first become columns for channels last.
                height, width, channels = flattened
                matrix = matrix.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(matrix), -1)
                flattened = None
            parameters = [writer.constant(matrix), writer.constant(bias)]
            value = writer.operator(
                "FULLY_CONNECTED", [value, *parameters], [batch, len(bias)], "FullyConnectedOptions"
            )
        else:
            raise ValueError(f"the converter knows no such {node.op_type}")
    return writer.finish(source, value)


def same_padding(size, output, attributes):
    """Whether the layer pads as `SAME` does: as little as the output needs, and the larger half at the end."""
    pads = attributes["pads"]
    for axis in range(2):
        kernel, stride = attributes["kernel_shape"][axis], attributes["strides"][axis]
        total = max((output[axis + 1] - 1) * stride + kernel - size[axis + 1], 0)
        if [pads[axis], pads[axis + 2]] != [total // 2, total - total // 2]:
            return False
    return True
