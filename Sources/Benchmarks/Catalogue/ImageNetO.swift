/// Images of no known class, beside ImageNet's own of the same 200 classes (hendrycks/natural-adv-examples).
public enum ImageNetO: Benchmark {
  /// `imagenet-o`
  public static let kind = BenchmarkKind.imagenetO
  /// Foreign images, and known ones.
  public static let subsets = [
    SubsetRecipe("out", key: "root"), SubsetRecipe("in", key: "in", isRestricted: true),
  ]
  /// Those of ImageNet-O.
  public static let classes = ClassScheme.among(ImageNetClasses.oIndices)
  /// How well foreign images are told from known ones.
  public static let subsetFigures = SubsetFigures(
    headline: "in", foreign: SubsetFigures.Foreign(out: "out", known: "in"))
}

extension BenchmarkKind {
  /// Out-of-distribution images.
  public static let imagenetO = BenchmarkKind("imagenet-o")
}

extension ImageNetClasses {
  /// Indices of the 200 classes of ImageNet-O, ascending (eval_many_models.py of hendrycks/natural-adv-examples).
  public static let oIndices: [Int32] = indices(
    """
    1 51 70 79 89 90 107 109 117 149 327 328 341 363 392 397 398 401 411 416 418 419 420 424 434 439 447 451
    455 459 462 464 465 470 475 489 491 494 496 498 507 512 517 522 525 530 533 537 539 540 545 549 550 551
    552 554 556 558 559 562 563 567 574 580 583 588 589 593 599 604 606 607 611 613 621 624 626 629 633 635
    640 641 642 643 644 645 646 648 666 669 674 677 678 679 680 684 686 687 688 691 694 699 703 710 712 714
    716 720 722 723 729 731 736 738 740 741 743 747 749 753 758 761 767 769 771 772 773 778 783 784 789 791
    793 794 795 797 800 802 804 807 811 813 815 827 828 830 833 842 843 844 845 852 853 854 855 857 858 859
    870 877 879 886 891 897 898 900 902 906 910 911 918 920 929 931 932 934 935 937 938 939 941 943 945 948
    949 950 951 953 954 955 957 960 962 963 965 971 980 987 988 996
    """)
}
