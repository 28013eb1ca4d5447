"""DICOM files: headers, series, geometry and intensities; the adapter puts them together."""
