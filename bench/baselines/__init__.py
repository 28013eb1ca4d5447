"""What sixgig is compared with, each way in a file of its own, written as its users would."""
