"""What a study will cost before it runs: seconds, memory, disk and download of every job."""
