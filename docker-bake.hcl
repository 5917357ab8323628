# The image for both architectures:
#
#   docker buildx bake --push --set image.tags=registry.example/unitwatch:dev
#
# and for this machine's alone, into its engine: docker buildx bake local
#
# Variables of the environment replace those below.
variable "IMAGE" {
  default = "unitwatch"
}

variable "VERSION" {
  default = "0.1.0"
}

variable "REVISION" {
  default = "unknown"
}

# Needs Node.js 24.12 or newer, npm and glibc, for both architectures.
variable "NODE_IMAGE" {
  default = "node:24-bookworm-slim"
}

# Needs a static /usr/local/bin/docker, for both architectures.
variable "DOCKER_CLI_IMAGE" {
  default = "docker:28-cli"
}

group "default" {
  targets = ["image"]
}

target "local" {
  context = "."
  args = {
    VERSION          = VERSION
    REVISION         = REVISION
    NODE_IMAGE       = NODE_IMAGE
    DOCKER_CLI_IMAGE = DOCKER_CLI_IMAGE
  }
  tags   = ["${IMAGE}:${VERSION}"]
  output = ["type=docker"]
}

target "image" {
  inherits  = ["local"]
  platforms = ["linux/amd64", "linux/arm64"]
  # Keeps only the push of the command line.
  output = []
  attest = ["type=provenance,mode=max", "type=sbom"]
}
