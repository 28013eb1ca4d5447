"""Domain-specific contrastive pretraining of a ViT (Chaitanya et al. 2020, arXiv 2006.10511), on two backends.

Everything here except ``pytorch/`` runs in two environments: the main one, and Python 3.7 with TensorFlow 1.15 and its
old NumPy. It imports the standard library, NumPy and (in ``tensorflow1/``) TensorFlow, and nothing else of sixgig.
"""
