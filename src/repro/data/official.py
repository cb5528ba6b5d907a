"""Sizes of the official MVTec AD."""

#: Per category: training images, normal test images, all test images, and image side in pixels.
#: Source: Bergmann et al., IJCV 129, 2021, table 1, doi 10.1007/s11263-020-01400-4.
OFFICIAL = {
    "bottle": (209, 20, 83, 900),
    "cable": (224, 58, 150, 1024),
    "capsule": (219, 23, 132, 1000),
    "carpet": (280, 28, 117, 1024),
    "grid": (264, 21, 78, 1024),
    "hazelnut": (391, 40, 110, 1024),
    "leather": (245, 32, 124, 1024),
    "metal_nut": (220, 22, 115, 700),
    "pill": (267, 26, 167, 800),
    "screw": (320, 41, 160, 1024),
    "tile": (230, 33, 117, 840),
    "toothbrush": (60, 12, 42, 1024),
    "transistor": (213, 40, 100, 1024),
    "wood": (247, 19, 79, 1024),
    "zipper": (240, 32, 151, 1024),
}
