import Foundation

/// Ends a process that its parent started and left behind.
public enum ParentWatch {
  /// From now on this process ends within a second of its parent's end, however that came.
  public static func dieWithParent() {
    let parent = getppid()
    Thread.detachNewThread {
      while getppid() == parent { usleep(200_000) }
      _exit(0)
    }
  }
}
