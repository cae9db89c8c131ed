import Benchmarks
import Imaging
import Testing

@Suite struct SaliencyDropTests {
  private func drop(_ percent: Int, isSalient: Bool = true) -> SaliencyDrop {
    SaliencyDrop(isSalient: isSalient, percent: percent, source: .gradient(PatchGrid(side: 2)))
  }

  /// The fewest patches that hold at least a share, by hand; not salient are those that these leave at the rest.
  @Test func patchesByHand() {
    let saliency: [Float] = [0.1, 0.4, 0.2, 0.3]
    #expect(drop(30).patches(of: saliency) == [1])
    #expect(drop(50).patches(of: saliency) == [1, 3])
    #expect(drop(70).patches(of: saliency) == [1, 3])
    #expect(drop(100).patches(of: saliency) == [0, 1, 2, 3])
    #expect(drop(0).patches(of: saliency) == [])
    // 50 % go at most: the half that holds {1, 3} stays.
    #expect(drop(50, isSalient: false).patches(of: saliency) == [0, 2])
    #expect(drop(0, isSalient: false).patches(of: saliency) == [])
    #expect(drop(100, isSalient: false).patches(of: saliency) == [0, 1, 2, 3])
    // Any unit will do.
    #expect(drop(50).patches(of: saliency.map { 1000 * $0 }) == [1, 3])
  }

  /// Of equal patches the first is the less salient one, whatever the order in which a sort meets them.
  @Test func equalPatchesGoInOrder() {
    #expect(drop(25).patches(of: [1, 1, 1, 1]) == [3])
    #expect(drop(50).patches(of: [1, 1, 1, 1]) == [2, 3])
    #expect(drop(50, isSalient: false).patches(of: [1, 1, 1, 1]) == [0, 1])
  }

  /// Where a network sees nothing, all patches are alike.
  @Test func nothingSalientIsEven() {
    #expect(drop(50).patches(of: [0, 0, 0, 0]) == [2, 3])
    #expect(drop(25, isSalient: false).patches(of: [0, 0, 0, 0]) == [0])
    #expect(drop(50).patches(of: []) == [])
  }

  @Test func whatIsDroppedIsZero() {
    let size = PictureSize(width: 4, height: 4)
    var values = [Float](repeating: 0.5, count: 48)
    drop(30).apply(to: &values, size: size, saliency: [0.1, 0.4, 0.2, 0.3])
    for row in 0..<4 {
      for column in 0..<4 {
        let expected: Float = row < 2 && column >= 2 ? 0 : 0.5
        #expect(values[(row * 4 + column) * 3..<(row * 4 + column) * 3 + 3].allSatisfy { $0 == expected })
      }
    }
  }

  /// A larger share holds a smaller one.
  @Test func sharesAreNested() {
    let saliency = (0..<196).map { Float(($0 * 7919) % 1009) }
    for isSalient in [true, false] {
      var before: Set<Int> = []
      for percent in stride(from: 0, through: 100, by: 5) {
        let now = Set(drop(percent, isSalient: isSalient).patches(of: saliency))
        #expect(before.isSubset(of: now))
        before = now
      }
      #expect(before.count == 196)
    }
  }
}
