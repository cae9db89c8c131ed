import NIOCore
import NIOPosix

/// A thread of its own for connections, which waits for none of the others and which none of them wait for.
public final class EventThread: Sendable {
  /// What it runs.
  public let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup

  /// Starts it.
  public init() {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    loop = group.next()
  }

  /// Closes what is still open, and waits until the thread has ended. To be called from another one.
  public func stop() { try? group.syncShutdownGracefully() }

  /// Accepts connections at a socket: hands each one over on the thread, before anything of it is read.
  ///
  /// Where the process has no descriptor left it stops accepting for a second at a time, and the system keeps connections
  /// waiting meanwhile.
  ///
  /// - Parameter arrive: what is done with a connection that came; it may close it.
  public func accept(
    at socket: consuming ListeningSocket, arrive: @escaping @Sendable (any Channel) throws -> Void
  ) throws -> any Channel {
    let descriptor = socket.take()
    let channel = try ServerBootstrap(group: loop)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try arrive(channel) }
      }
      // Few at a time, so that those who are in do not wait for a crowd at the door.
      .serverChannelOption(.maxMessagesPerRead, value: 4)
      .withBoundSocket(descriptor).wait()
    // NIO listens again, with a shorter queue.
    ListeningSocket.listenAgain(descriptor)
    return channel
  }
}
