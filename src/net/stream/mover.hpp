// Moves bytes from one stream to another, or from a file to a stream, without the program: through
// a pipe or by sendfile where the kernel moves them, through the loop's scratch memory where not.
//
// Bytes that have left the source are the destination's at once: sent, or queued there behind what
// was queued before, in the pipe that they lie in or as a copy. So stopping loses nothing, and what
// the queue loses when the destination breaks is known. More is taken from the source only when all
// of that has gone.
#pragma once

#include "net/stream/stream.hpp"

#include <algorithm>
#include <memory>

namespace socketpoll {

class MoverOwner {
public:
  // So many bytes have left the source until now.
  virtual void on_moved(int64_t bytes) noexcept = 0;
  // The last call. 0: all that was asked for has gone out, or all that there was.
  virtual void on_move_ended(int code) noexcept = 0;

protected:
  ~MoverOwner() = default;
};

struct MoverGone {
  void operator()(class Mover *mover) const noexcept;
};
// Stops it; the memory goes at the end of the turn.
using MoverPtr = std::unique_ptr<class Mover, MoverGone>;

class Mover final : public Retired, private StreamReader, private StreamWriter, private Deferred {
public:
  // Of `length` bytes, -1: to the end. Throws std::bad_alloc. They have the streams' ends, and move
  // nothing before begin(). SOCKET_EINVAL, SOCKET_EBUSY, or why the streams cannot be used.
  static Result<MoverPtr> between(Stream &from, Stream &to, int64_t length, MoverOwner &owner);
  static Result<MoverPtr> of_file(FileRange range, Stream &to, MoverOwner &owner);
  ~Mover() override { let_go(); }

  void begin() noexcept { wake(); }
  // No more than that; fewer are as good as the end.
  void at_most(int64_t bytes) noexcept { left_ = std::min(left_, bytes); }
  void pause(bool on) noexcept;
  // Ends it without telling the owner. What has left the source goes out; the counts stay.
  void let_go() noexcept;
  // The same, and gives the memory back when the turn ends.
  void stop() noexcept;

  int64_t taken() const noexcept { return taken_; }
  int64_t lost() const noexcept { return lost_; }

private:
  Mover(Stream *from, Stream &to, int64_t length, MoverOwner &owner) noexcept
      : loop_(to.loop()), from_(from), to_(&to), left_(length < 0 ? INT64_MAX : length),
        to_end_(length < 0), owner_(&owner) {}

  std::span<char> receive_buffer() override;
  Result<size_t> receive_from(int fd) override;
  void on_data(std::span<char> bytes) override;
  void on_eof() override;
  void on_read_ended(int code) noexcept override;
  void on_write_ended(int code) noexcept override;
  void on_taken(int64_t sent, int64_t unsent) noexcept override;
  void on_file_ended(int code) noexcept override;
  void run_deferred() override { step(); }
  void on_no_memory() noexcept override { end(SOCKET_ENOMEM); }

  void wake() noexcept {
    if (!List<Deferred, DeferredTag>::contains(*this)) loop_.defer(*this);
  }
  void step();
  void take_leftover();
  void take_from_file();
  void put(OutputPiece piece, int64_t length);
  void took(int64_t bytes) noexcept;
  void rest_if_full() noexcept;
  void end(int code) noexcept;

  Loop &loop_;
  Stream *from_; // nullptr: a file, or it has been let go
  Stream *to_;
  FileRange file_;
  int64_t left_;          // to be taken from the source
  int64_t in_flight_ = 0; // in the destination's queue
  int64_t taken_ = 0;
  int64_t lost_ = 0;
  bool to_end_;
  bool copies_ = false;
  bool paused_ = false;
  bool source_ended_ = false;
  bool broken_ = false; // the destination
  int file_code_ = 0;
  MoverOwner *owner_; // nullptr: ended
};

inline void MoverGone::operator()(Mover *mover) const noexcept { mover->stop(); }

} // namespace socketpoll
