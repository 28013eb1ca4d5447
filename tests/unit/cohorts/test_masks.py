"""Pictures that are masks of others by their names."""

from sixgig.cohorts.masks import masks


def test_masks_beside_pictures() -> None:
    pictures = ["a/x.png", "a/y 1.tif", "b/x.jpg", "a/mask.png", "a/x_mask_old.png", "c/x_mask.png", "a/label_x.png"]
    of_others = [
        "a/x_mask.png",
        "a/x_mask_1.png",
        "a/x-seg.png",
        "a/y 1_Mask.tif",
        "b/x_segmentation.png",
        "b/x_gt.png",
    ]
    assert set(masks([*pictures, *of_others])) == set(of_others)


def test_folders_of_masks() -> None:
    pictures = ["covid/images/1.png", "covid/images/2.png", "masks/only.png", "normal/masks/9.png"]
    of_others = ["covid/masks/1.png", "covid/masks/2_mask.png"]
    assert set(masks([*pictures, *of_others])) == set(of_others)


def test_a_data_set_of_images_and_masks() -> None:
    assert masks(["images/1.png", "masks/1.png"]) == {"masks/1.png": "images/1.png"}


def test_the_picture_of_a_mask() -> None:
    assert masks(["a/x_mask_1.png", "a/x.jpg", "b/x.png"]) == {"a/x_mask_1.png": "a/x.jpg"}
