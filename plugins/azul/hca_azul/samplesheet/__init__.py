"""Sample sheets: what pipelines are told of the FASTQ files that were downloaded (contract §18)."""
