import Machine
import Synchronization
import Testing

@Suite("What a process may use of its machine")
struct AllowanceTests {
  private static let gibibyte = 1 << 30

  /// A machine of 64 processors and 256 GiB, with further texts and variables.
  private func allowance(_ texts: [String: String] = [:], _ environment: [String: String] = [:]) -> Allowance {
    let machine = [
      "/proc/self/status": "Name:\tgauntlet\nCpus_allowed:\tffffffff\nCpus_allowed_list:\t0-127\n",
      "/sys/devices/system/cpu/online": "0-63\n", "/proc/meminfo": "MemTotal:       268435456 kB\nMemFree: 1 kB\n",
    ]
    return Allowance(environment: environment, machine: (64, 256 * Self.gibibyte)) {
      texts[$0] ?? machine[$0]
    }
  }

  @Test("Without limits it is what the machine has, and what is not plugged in does not count")
  func unlimited() {
    #expect(allowance().processors == 64 && allowance().memory == 256 * Self.gibibyte)
    let silent = Allowance(environment: [:], machine: (8, Self.gibibyte)) { _ in nil }
    #expect(silent.processors == 8 && silent.memory == Self.gibibyte)
  }

  @Test(
    "Processors by affinity",
    arguments: [("3", 1), ("0-3,8,10-11", 7), ("60-70", 4), ("", 64), ("7-3", 64), ("0-99999999999", 64)])
  func affinity(list: String, processors: Int) {
    #expect(allowance(["/proc/self/status": "Cpus_allowed_list:\t\(list)\n"]).processors == processors)
  }

  /// The mounts of a machine with version 2, and one with version 1.
  private static let version2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
  private static let version1 = """
    33 32 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct
    34 32 0:29 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory
    35 32 0:30 / /sys/fs/cgroup/systemd rw shared:12 - cgroup cgroup rw,xattr,name=systemd

    """

  @Test("Version 2: the least quota and limit on the way up counts; a part of a processor is one")
  func controlGroups2() {
    let job = "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7"
    let found = allowance([
      "/proc/self/mountinfo": Self.version2,
      "/proc/self/cgroup": "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n",
      job + "/step_0/user/task_0/cpu.max": "max 100000\n", job + "/cpu.max": "250000 100000\n",
      "/sys/fs/cgroup/system.slice/cpu.max": "800000 100000\n",
      job + "/step_0/memory.max": "max\n", job + "/memory.max": "8589934592\n", job + "/memory.high": "4294967296\n",
    ])
    #expect(found.processors == 3 && found.memory == 4 * Self.gibibyte)
  }

  @Test("Version 1, also beside a version 2 without controllers")
  func controlGroups1() {
    let found = allowance([
      "/proc/self/mountinfo": Self.version1 + "36 32 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      "/proc/self/cgroup": "5:memory:/slurm/uid_1/job_2\n4:cpu,cpuacct:/slurm/uid_1/job_2\n1:name=systemd:/x\n0::/x\n",
      "/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1/job_2/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1/job_2/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1/cpu.cfs_quota_us": "200000\n",
      "/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/slurm/uid_1/job_2/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
    ])
    #expect(found.processors == 2 && found.memory == 2 * Self.gibibyte)
  }

  @Test(
    "A container sees its group as the mount's root, whatever path it is told",
    arguments: [("/", "/"), ("/kubepods/pod1/c1", "/kubepods/pod1/c1"), ("/", "/../../other"), ("/kubepods/pod1", "/")])
  func container(root: String, path: String) {
    let found = allowance([
      "/proc/self/mountinfo": "30 24 0:26 \(root) /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
      "/proc/self/cgroup": "0::\(path)\n", "/sys/fs/cgroup/cpu.max": "50000 100000",
      "/sys/fs/cgroup/memory.max": "1073741824",
    ])
    #expect(found.processors == 1 && found.memory == Self.gibibyte)
  }

  @Test("A mount point with a space in it")
  func escapes() {
    let found = allowance([
      "/proc/self/mountinfo": #"30 24 0:26 / /sys/my\040groups rw - cgroup2 cgroup2 rw"#, "/proc/self/cgroup": "0::/a",
      "/sys/my groups/a/cpu.max": "400000 100000",
    ])
    #expect(found.processors == 4)
  }

  @Test(
    "What a batch system says is heeded, but it gives no more than there is",
    arguments: [
      (["SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "16"], 4), (["SLURM_CPUS_ON_NODE": "16"], 16),
      (["SLURM_CPUS_PER_TASK": "500"], 64), (["SLURM_CPUS_PER_TASK": "many"], 64), (["SLURM_CPUS_PER_TASK": "0"], 64),
      (["NSLOTS": "3"], 3), (["LSB_DJOB_NUMPROC": "5"], 5), (["PBS_JOBID": "1.head", "NCPUS": "6"], 6),
      (["NCPUS": "6"], 64),
    ])
  func batchSystems(environment: [String: String], processors: Int) {
    #expect(allowance([:], environment).processors == processors)
  }

  @Test("Slurm's memory, of the node or of each processor, and what ulimit leaves")
  func memory() {
    #expect(allowance([:], ["SLURM_MEM_PER_NODE": "8192"]).memory == 8 * Self.gibibyte)
    #expect(allowance([:], ["SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "3"]).memory == 3 * Self.gibibyte)
    #expect(allowance([:], ["SLURM_MEM_PER_NODE": "0"]).memory == 256 * Self.gibibyte)
    #expect(allowance([:], ["SLURM_MEM_PER_CPU": "9223372036854775807", "SLURM_CPUS_ON_NODE": "3"]).memory > 0)
    let limits = """
      Limit                     Soft Limit           Hard Limit           Units
      Max data size             unlimited            unlimited            bytes
      Max address space         5368709120           unlimited            bytes
      """
    #expect(allowance(["/proc/self/limits": limits]).memory == 5 * Self.gibibyte)
  }

  @Test("Work is done once each, whatever its count, on no more threads than are allowed")
  func forEach() {
    let two = Allowance(environment: ["SLURM_CPUS_PER_TASK": "2"], machine: (64, 1)) { _ in nil }
    for count in [0, 1, 2, 1000] {
      let state = Mutex((done: Set<Int>(), running: 0, most: 0))
      two.forEach(count) { index in
        state.withLock {
          $0.running += 1
          $0.most = max($0.most, $0.running)
          let isNew = $0.done.insert(index).inserted
          #expect(isNew)
        }
        state.withLock { $0.running -= 1 }
      }
      #expect(state.withLock { $0.done.count } == count && state.withLock { $0.most } <= 2)
    }
  }
}
