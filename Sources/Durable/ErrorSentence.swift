import Foundation

extension Error {
  /// The error as a sentence for people. Gauntlet's own errors have theirs; those of Foundation, whose text is for
  /// programmers, get one with the path and the system's words. Everything that is printed or logged comes through here.
  public var sentence: String {
    if let error = self as? DecodingError { return error.words }
    let foundation = self as NSError
    guard [NSCocoaErrorDomain, NSPOSIXErrorDomain].contains(foundation.domain) else { return "\(self)" }
    return foundation.words
  }

  /// The system's words alone, for a sentence that names the file itself; ``sentence`` where it is no error of the system.
  public var systemReason: String {
    if let error = self as? FileError { return error.reason }
    let foundation = self as NSError
    guard [NSCocoaErrorDomain, NSPOSIXErrorDomain].contains(foundation.domain), let code = foundation.systemCode else {
      return sentence
    }
    return FileError.reason(code)
  }
}

extension NSError {
  fileprivate var words: String {
    let path = userInfo[NSFilePathErrorKey].map { "\($0)" } ?? (userInfo[NSURLErrorKey] as? URL)?.path
    guard let code = systemCode else {
      return "\(path.map { $0 + ": " } ?? "")\(isText ? "it is not UTF-8 text" : "it cannot be used (error \(code))")"
    }
    guard let path, !path.isEmpty else { return FileError.reason(code) }
    let action = (512..<768).contains(self.code) || self.code == CocoaError.fileNoSuchFile.rawValue ? "write" : "read"
    return FileError(domain == NSCocoaErrorDomain ? action : "use", path, code: code).description
  }

  /// The `errno` at the bottom of it.
  fileprivate var systemCode: Int32? {
    if domain == NSPOSIXErrorDomain { return Int32(truncatingIfNeeded: code) }
    return (userInfo[NSUnderlyingErrorKey] as? any Error).flatMap { ($0 as NSError).systemCode }
  }

  private var isText: Bool {
    [CocoaError.fileReadInapplicableStringEncoding.rawValue, CocoaError.fileReadCorruptFile.rawValue].contains(code)
  }
}

extension DecodingError {
  fileprivate var words: String {
    func place(_ path: [any CodingKey]) -> String {
      let keys = path.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
      return keys.isEmpty ? "" : " at \(keys.hasPrefix(".") ? String(keys.dropFirst()) : keys)"
    }
    switch self {
    case .keyNotFound(let key, let context):
      return "the key \"\(key.stringValue)\" is missing\(place(context.codingPath))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "there is a value of the wrong type\(place(context.codingPath))"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "it is not valid JSON, or is truncated"
    case .dataCorrupted(let context): return "the value\(place(context.codingPath)) is invalid"
    @unknown default: return "it was not written by this program"
    }
  }
}
