// Miniature
