@main struct Gauntlet { static func main() {} }
