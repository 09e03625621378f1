"""Read and prepare images: files or arrays in, 8-bit pixels of one size out.

`load_images` takes a folder of class folders, a list of files or arrays, and finds the
size, the channels and the classes; an `ImageFormat` brings later images to the same
form. Pixels stay 8-bit: networks scale them by what they learnt of the training part.
"""

from thalweg.data.images.files import Source, class_folders, files_below
from thalweg.data.images.form import ImageFormat
from thalweg.data.images.image_set import ImageSet, load_images

__all__ = [
    "ImageFormat",
    "ImageSet",
    "Source",
    "class_folders",
    "files_below",
    "load_images",
]
