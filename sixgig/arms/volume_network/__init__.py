"""A 3D network of MONAI as it is: features of crops that cover a volume, averaged."""
