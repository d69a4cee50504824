package repo

// maxParallel is how many files are read or written at once: enough to keep
// processors, disks and connections busy.
const maxParallel = 8
