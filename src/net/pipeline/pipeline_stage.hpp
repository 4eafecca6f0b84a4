// What a pipeline is made of. The sink's end of it pulls: each stage gives the next piece, asking
// the one before it for what it needs. So nothing is ever held but what has been asked for.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <span>

namespace socketpoll {

class Pipeline;

struct Piece {
  std::span<const char> bytes; // valid until the stage is asked for the next one
  bool end = false;            // there is none, and will be none
};

class Stage {
public:
  virtual ~Stage() = default;
  // At most `most` bytes, unless units(). SOCKET_EAGAIN: none at present; the stage that lacks
  // something wakes the pipeline when it has it. Throws std::bad_alloc.
  virtual Result<Piece> pull(size_t most) = 0;
  // Whether each piece is a unit, which stays in one.
  virtual bool units() const noexcept { return false; }
};

} // namespace socketpoll
