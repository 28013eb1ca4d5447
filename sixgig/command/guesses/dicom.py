"""Every file below a folder has to be opened to find series: folders of pictures are asked first."""

RANK = 2
