/// What workers find in their environment beside what it holds already.
enum WorkerEnvironment {
  /// OpenBLAS, where it is linked, starts a thread for each of the machine's processors before the program begins, whatever
  /// the program may use; Gauntlet's streams each call it from their own.
  static let variables = ["OPENBLAS_NUM_THREADS": "1"]
}
