import Archives
import ArgumentParser
import GauntletKit

struct SignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Signs an archive, so that others can tell who made it.",
    discussion: """
      The signature is a file beside the archive, ARCHIVE.sig, as ssh-keygen -Y sign -n gauntlet makes it. Others check it \
      with the public key: gauntlet verify ARCHIVE --key id_ed25519.pub. ssh-keygen -t ed25519 makes a key.
      Example: gauntlet sign runs/miniature/archive.h5 --key key
      """)

  @Argument(help: "The archive, or the folder of its run.") var file: String
  @Option(help: "An Ed25519 private key, as ssh-keygen makes it, without a passphrase.") var key: String
  @Option(name: .shortAndLong, help: "Where the signature is written [default: ARCHIVE.sig].") var output: String?

  func run() throws {
    let archive = try Usage.archive(file)
    let signer = try SigningKey(key)
    let path = try Usage.output(output ?? ArchiveSignature.path(of: archive), option: "-o", besides: [archive, key])
    try ArchiveCheck.sign(archive, key: signer, to: path)
    print("signature: \(path), of \(signer.publicKey.fingerprint) \(signer.publicKey.comment)")
  }
}
