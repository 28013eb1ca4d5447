"""From the files of a cohort to a manifest, images and volumes."""
