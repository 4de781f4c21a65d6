// Stands here until the layer has its first source; the layer's author removes it.
