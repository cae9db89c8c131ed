import Archives
import Coordination
import Durable
import Foundation

/// Checks an archive: every checksum, every cell, every part's digest, every figure; if asked, who made it, and its images.
public struct ArchiveCheck: Sendable {
  /// What takes long.
  public enum Stage: Sendable, Equatable {
    /// Figures are computed once more.
    case figures
    /// Images are read again.
    case images
  }

  /// What was found.
  public struct Result: Sendable {
    /// Of the archive.
    public internal(set) var report = ArchiveReport()
    /// Parts that do not say which images they were computed from.
    public internal(set) var partsOfUnknownImages = 0
  }

  private let archive: String
  /// A file of public keys, one of which the archive must be signed by; nil asks for no signature.
  public var keys: String?
  /// Where the signature lies; `ARCHIVE.sig` otherwise.
  public var signature: String?
  /// Where the images lie now: folders that hold all of the benchmarks' roots, or `BENCHMARK=ROOT`. Nothing is read
  /// where it is empty.
  public var data: [String] = []

  /// A check of the archive at a path.
  public init(of archive: String) { self.archive = archive }

  /// Checks in an order such that nothing of a file is looked at which an earlier check refused.
  ///
  /// - Parameter progress: told the share of a stage that is done, 0...1.
  /// - Throws: errors of reading; damage is in the result.
  public func run(progress: (Stage, Double) -> Void = { _, _ in }) throws -> Result {
    var result = Result()
    if let keys { try checkSignature(keys, &result.report) }
    if result.report.isSound {
      let signer = result.report.signedBy
      result.report = try ArchiveVerifier.verify(archive)
      result.report.signedBy = signer
    }
    if result.report.isSound {
      let found = try FigureVerifier(of: ArchiveReader(path: archive)).verify { progress(.figures, $0) }
      result.report.contradictions = found.contradictions
      result.report.figuresUnchecked = found.obstacle
      result.report.laterFigures = found.later
      if found.obstacle == nil { result.report.soundFigures = found.same }
    }
    if !data.isEmpty, result.report.isSound {
      let found = try DataVerifier(archive: archive, places: data).verify { progress(.images, $0) }
      result.report.partsOfSameImages = found.same
      result.report.changed += found.changed
      result.partsOfUnknownImages = found.unknown
    }
    return result
  }

  /// Before anything else of the archive is looked at, so that a forged one is not even opened.
  private func checkSignature(_ path: String, _ report: inout ArchiveReport) throws {
    let keys = try SigningPublicKey.read(path)
    let signature = try ArchiveSignature(reading: signature ?? ArchiveSignature.path(of: archive))
    let fingerprint = signature.publicKey.fingerprint
    if !keys.contains(where: { $0.fingerprint == fingerprint }) {
      report.damage.append("\(archive): it was signed by the key \(fingerprint), which is not in \(path)")
    } else if try !signature.holds(for: archive) {
      report.damage.append("\(archive): its contents do not match the signature by the key \(fingerprint)")
    } else {
      report.signedBy = fingerprint
    }
  }

  /// Signs an archive as `ssh-keygen -Y sign -n gauntlet` does.
  ///
  /// - Parameters:
  ///   - key: a private key of Ed25519 without a passphrase, as ssh-keygen makes it.
  ///   - path: where the signature is written; `ARCHIVE.sig` otherwise.
  /// - Throws: `ArchiveError` where the archive is damaged, `SigningError` where the key cannot be used.
  public static func sign(_ archive: String, key: SigningKey, to path: String? = nil) throws {
    if let damage = try ArchiveVerifier.brokenSeal(of: archive) {
      throw ArchiveError.unreadable(path: archive, reason: damage)
    }
    let signature = try ArchiveSignature(of: archive, key: key)
    try DurableFile.write(Data(signature.text.utf8), to: path ?? ArchiveSignature.path(of: archive), mode: 0o644)
  }
}
