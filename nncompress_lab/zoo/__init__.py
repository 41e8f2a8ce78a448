"""Reference models with trained weights, all for 28x28 grey images of clothing.

Each is a functional Keras model that returns ten logits. The accuracies below are
measured on the 2,000 test images of the embedded Fashion-MNIST subset and on the 10,000
of the full set; a test holds them. Storey 2; training needs `measure` as well.
"""

from typing import Any

import keras

from nncompress_lab.zoo import architectures
from nncompress_lab.zoo.trained import load_weights

NAMES = ("lenet_300_100", "lenet5", "resnet20", "mobilenet_small", "vit_tiny")


def lenet_300_100(*, pretrained: bool = True) -> keras.Model:
    """LeNet-300-100: two hidden Dense layers, 266,610 parameters.

    Test accuracy: 90.25 % (embedded), 89.95 % (full).

    Args:
        pretrained: Load the trained weights; False leaves the random initial ones.

    References:
        LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
        Recognition", Proc. IEEE 1998, section III.
    """
    return _model("lenet_300_100", pretrained=pretrained)


def lenet5(*, pretrained: bool = True) -> keras.Model:
    """LeNet-5 as in Caffe (20 and 50 filters of 5x5, 500 units), 431,080 parameters.

    Test accuracy: 91.25 % (embedded), 92.29 % (full).

    Args:
        pretrained: Load the trained weights; False leaves the random initial ones.

    References:
        LeCun et al. 1998, section II; this variant is the one that Han et al., "Deep
        Compression", ICLR 2016, table 1 compresses. https://arxiv.org/abs/1510.00149
    """
    return _model("lenet5", pretrained=pretrained)


def resnet20(*, pretrained: bool = True) -> keras.Model:
    """ResNet-20 with BatchNormalization and residual additions, 273,754 parameters.

    Test accuracy: 93.30 % (embedded), 93.46 % (full).

    Args:
        pretrained: Load the trained weights; False leaves the random initial ones.

    References:
        He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        section 4.2. https://arxiv.org/abs/1512.03385
    """
    return _model("resnet20", pretrained=pretrained)


def mobilenet_small(*, pretrained: bool = True) -> keras.Model:
    """A small MobileNet of depthwise-separable convolutions, 163,530 parameters.

    Test accuracy: 92.15 % (embedded), 92.61 % (full).

    Args:
        pretrained: Load the trained weights; False leaves the random initial ones.

    References:
        Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile
        Vision Applications", 2017, section 3.1. https://arxiv.org/abs/1704.04861
    """
    return _model("mobilenet_small", pretrained=pretrained)


def vit_tiny(*, pretrained: bool = True) -> keras.Model:
    """A transformer encoder on 4x4 patches, 4 blocks of width 64, 136,394 parameters.

    Test accuracy: 87.35 % (embedded), 87.49 % (full).

    Args:
        pretrained: Load the trained weights; False leaves the random initial ones.

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, section 3.1.
        https://arxiv.org/abs/2010.11929
    """
    return _model("vit_tiny", pretrained=pretrained)


def _model(name: str, *, pretrained: bool) -> keras.Model:
    build: Any = getattr(architectures, name)
    model: keras.Model = build()
    if pretrained:
        load_weights(name, model)
    return model
