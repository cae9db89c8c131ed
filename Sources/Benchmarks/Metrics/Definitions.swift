import Records

/// How figures are counted, in words, and the paper that each is from: for readers who do not know them.
///
/// Whoever writes figures says it of them once, here; archives keep it, and pages show it.
enum Definitions {
  /// A definition: the words, and the paper.
  typealias Entry = (words: String, source: String)

  private static let corruptions =
    "Hendrycks and Dietterich, Benchmarking neural network robustness to common corruptions and perturbations, ICLR 2019, arXiv:1903.12261"
  private static let adversarial =
    "Hendrycks et al., Natural adversarial examples, CVPR 2021, arXiv:1907.07174"
  private static let guo = "Guo et al., On calibration of modern neural networks, ICML 2017, arXiv:1706.04599"
  private static let temperature =
    "All logits are divided by the single temperature that minimises the NLL of the run's clean images; answers stay the same."

  private static let entries: [String: Entry] = [
    "top1": ("Images whose largest logit is that of their class, over all images with a class and a result.", ""),
    "top5": ("Images whose class is among the five largest logits, over all images with a class and a result.", ""),
    "real_top1": (
      "Images whose answer is one of their reassessed labels, over the images that have such labels.",
      "Beyer et al., Are we done with ImageNet?, 2020, arXiv:2006.07159"
    ),
    "mean_top1": (
      "Top-1 of each condition, then the plain mean over the conditions; each condition has the same weight.", ""
    ),
    "standard_mean_top1": (
      "Top-1 of each corruption and severity, then the plain mean over the standard 15 corruptions and the severities. The paper's four extra corruptions for validation do not count.",
      corruptions
    ),
    "ce": (
      "Corruption error: the sum of the top-1 errors over the five severities of a corruption, over the same sum for AlexNet. 100 %: as many errors as AlexNet. AlexNet's errors are those published in the paper, on ImageNet.",
      corruptions
    ),
    "relative_ce": (
      "Relative corruption error: the sum over the five severities of (top-1 error minus the clean error), over the same sum for AlexNet (clean error 43.5 %). It says how much accuracy a corruption costs relative to clean images.",
      corruptions
    ),
    "mce": ("Mean corruption error: the mean of CE over the standard 15 corruptions.", corruptions),
    "partial_mce": (
      "The mean of CE over those of the standard 15 corruptions that were run. This is not an mCE and cannot be compared with one.",
      corruptions
    ),
    "relative_mce": ("The mean of relative CE over the standard 15 corruptions.", corruptions),
    "flip_rate": (
      "How often the answer changes along a sequence of nearly identical frames: share of the compared frames whose best class differs, mean over the sequences. Frames of noise are compared with the first frame, others with the previous one.",
      corruptions
    ),
    "mean_flip_rate": ("The mean of the flip rate over the perturbations.", corruptions),
    "top5_distance": (
      "How far the five best classes move between compared frames: the sum over the five best classes of how many places each has moved, counted within the top five; mean over the sequences.",
      corruptions
    ),
    "mean_top5_distance": ("The mean of the top-5 distance over the perturbations.", corruptions),
    "mfr": ("Mean flip rate: the flip rate of each perturbation over that of AlexNet, mean over the ten.", corruptions),
    "mt5d": ("The top-5 distance of each perturbation over that of AlexNet, mean over the ten.", corruptions),
    "aupr": (
      "Average precision at finding images of no known class, which are the positives; the score is the negative of the largest softmax probability. The area under the curve of precision over recall, as a sum of steps.",
      adversarial
    ),
    "auroc": (
      "The chance that an image of no known class has a smaller largest softmax probability than one of a known class; ties count half.",
      "Hendrycks and Gimpel, A baseline for detecting misclassified and out-of-distribution examples, ICLR 2017, arXiv:1610.02136"
    ),
    "fpr95": (
      "Share of the images of known classes that are taken for unknown at the first threshold that finds 95 % of the unknown ones.",
      "Liang et al., Enhancing the reliability of out-of-distribution image detection, ICLR 2018, arXiv:1706.02690"
    ),
    "rms_calibration_error": (
      "Root mean square of (accuracy minus mean confidence) over bins of 100 images by rising confidence. Confidence is the largest softmax probability.",
      adversarial
    ),
    "aurra": (
      "Area under the curve of accuracy over response rate: the mean, over all shares of images answered in order of decreasing confidence, of the accuracy on them.",
      adversarial
    ),
    "ece": (
      "Expected calibration error: |accuracy minus mean confidence| in 15 bins of confidence of equal width, mean weighted by the images in each.",
      guo
    ),
    "nll": ("Mean over the images of the negative natural logarithm of the probability of their class.", guo),
    "brier": (
      "Mean over the images of the sum over the classes of (probability minus 1 for their class, minus 0 for others) squared; 0 to 2.",
      "Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950"
    ),
    "temperature": (
      "The number that all logits are divided by to minimise the NLL of the clean images; above 1 the network is overconfident.",
      guo
    ),
    "accuracy_by_confidence": (
      "Top-1 of the images in each of 15 bins of confidence. For a calibrated network it equals the mean confidence of the bin.",
      guo
    ),
    "images_by_confidence": ("How many images are in each of 15 bins of confidence.", guo),
    "error_ratio": (
      "Top-1 error of the images with a factor of variation, over that of all annotated images; 1: no harder than others.",
      "Idrissi et al., ImageNet-X: understanding model mistakes with factor of variation annotations, ICLR 2023, arXiv:2211.01866"
    ),
    "bg_gap": (
      "Top-1 on pictures whose background comes from another picture of the same class, minus top-1 on pictures whose background comes from a different class.",
      "Xiao et al., Noise or signal: the role of image backgrounds in object recognition, ICLR 2021, arXiv:2006.09994"
    ),
    "val_gap": (
      "Top-1 on natural images of the same classes, minus top-1 on their renditions.",
      "Hendrycks et al., The many faces of robustness, ICCV 2021, arXiv:2006.16241"
    ),
    "mean_robust_top1": (
      "Top-1 of images that were attacked within a budget, mean over the budgets; unattacked images do not count.",
      "Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018, arXiv:1706.06083"
    ),
    "transfer_top1": (
      "Top-1 of another network on the images that were attacked by this network's gradients; the lower, the better the attack transfers.",
      ""
    ),
    "mean_loss": (
      "Top-1 without noise minus top-1 with noise of one band of frequencies, mean over the bands.", ""
    ),
    "loss_by_frequency": ("Top-1 without noise minus top-1 with noise of one band of frequencies.", ""),
    "mean_error": (
      "Top-1 error of images to which a wave of one frequency was added, mean over the frequencies.",
      "Yin et al., A Fourier perspective on model robustness in computer vision, NeurIPS 2019, arXiv:1906.08988"
    ),
    "largest_error": (
      "The largest top-1 error over the frequencies.",
      "Yin et al., A Fourier perspective on model robustness in computer vision, NeurIPS 2019, arXiv:1906.08988"
    ),
    "error_map": (
      "Top-1 error of images to which a wave of one frequency was added, one cell per frequency.",
      "Yin et al., A Fourier perspective on model robustness in computer vision, NeurIPS 2019, arXiv:1906.08988"
    ),
    "deviation": ("Standard deviation of top-1 over the draws of blocks that were left out.", ""),
    "mean_kernel_distance": (
      "Distance of a kernel's weights from its middle, 0 there and 1 in the corner, mean weighted by their magnitudes, over channels and kernels.",
      ""
    ),
    "kernel_distance": (
      "Distance of a kernel's weights from its middle, 0 there and 1 in the corner, mean weighted by their magnitudes, over channels.",
      ""
    ),
    "mean_attention_distance": (
      "Distance in pixels from a patch to those that it attends to, mean weighted by attention, over patches, heads, blocks and images.",
      "Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, arXiv:2010.11929"
    ),
    "attention_distance": (
      "Distance in pixels from a patch to those that it attends to, mean weighted by attention, over patches, heads and images.",
      "Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, arXiv:2010.11929"
    ),
    "mean_variance": (
      "Variance of a feature map over its pixels, mean over channels and images.",
      "Park and Kim, How do vision transformers work?, ICLR 2022, arXiv:2202.06709"
    ),
    "high_frequency_amplitude": (
      "Logarithm of the amplitude of the highest frequency on the diagonal of the Fourier transform of feature maps, minus that of frequency 0.",
      "Park and Kim, How do vision transformers work?, ICLR 2022, arXiv:2202.06709"
    ),
    "area_of": (
      "Area of the smallest square around the middle that holds so much of log10(1 + mean gradient of the middle of the last map), as a share of the image's area.",
      "Ding et al., Scaling up your kernels to 31x31, CVPR 2022, arXiv:2203.06717"
    ),
    "coarse_field_map": (
      "log10(1 + mean gradient of the middle of the last map by each pixel), over its largest.",
      "Ding et al., Scaling up your kernels to 31x31, CVPR 2022, arXiv:2203.06717"
    ),
  ]

  /// The definition of a metric; nil where none is known.
  static func of(_ name: String) -> Entry? {
    if let entry = entries[name] { return entry }
    // Sets of images, other networks and shares are part of a name.
    for (start, entry) in [
      ("top1_", "top1"), ("mean_transfer_top1_", "transfer_top1"), ("transfer_top1_", "transfer_top1"),
      ("area_of_", "area_of"), ("raw_kernel_distance", "kernel_distance"),
    ] where name.hasPrefix(start) { return entries[entry] }
    if let place = name.firstRange(of: "_after_temperature") {
      return of(String(name[..<place.lowerBound])).map { ($0.words + " " + temperature, $0.source) }
    }
    guard let place = name.firstRange(of: "_by_"), let whole = of(String(name[..<place.lowerBound])) else { return nil }
    return whole
  }
}

extension Metric {
  /// The metric with its definition, where it says what it is and nobody has defined it yet.
  public var defined: Metric {
    guard var figure, figure.definition.isEmpty, ![.data, .count, .grid, .support].contains(figure.role),
      let entry = Definitions.of(name)
    else { return self }
    (figure.definition, figure.source) = entry
    return Metric(name: name, description: description, axes: axes, values: values, figure: figure)
  }
}
