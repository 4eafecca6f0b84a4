#include "net/pipeline/pipeline_transforms.hpp"

#include "net/pipeline/pipeline.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll {

// ---- Limits and counts

Result<Piece> Limit::pull(size_t most) {
  if (left_ == 0 && !strict_) return Piece{{}, true};
  if (static_cast<uint64_t>(left_) < most && !(strict_ && left_ == 0))
    most = static_cast<size_t>(left_);
  auto piece = upstream().pull(most);
  if (!piece.ok() || piece->end) return piece;
  if (static_cast<int64_t>(piece->bytes.size()) > left_) {
    if (strict_) return Error{SOCKET_ELIMIT};
    piece->bytes = piece->bytes.first(static_cast<size_t>(left_));
  }
  left_ -= static_cast<int64_t>(piece->bytes.size());
  return piece;
}

Result<Piece> Count::pull(size_t most) {
  auto piece = upstream().pull(most);
  if (piece.ok()) count_ += static_cast<int64_t>(piece->bytes.size());
  return piece;
}

Result<Piece> RateLimit::pull(size_t most) {
  if (!bucket_->admit(*this)) return Error{SOCKET_EAGAIN};
  auto piece = upstream().pull(std::min(most, static_cast<size_t>(bucket_->available())));
  if (piece.ok()) bucket_->spend(static_cast<int64_t>(piece->bytes.size()));
  return piece;
}

void RateLimit::on_tokens() noexcept { pipeline_.wake(); }

// ---- Framing

std::span<const char> Framer::present() const noexcept {
  return carried_.empty() ? rest_ : std::span<const char>(carried_).subspan(at_);
}

void Framer::use(size_t bytes) noexcept {
  seen_ = 0;
  if (carried_.empty())
    rest_ = rest_.subspan(bytes);
  else
    at_ += bytes;
}

Status Framer::gather() {
  if (carried_.empty())
    carried_.assign(rest_.data(), rest_.size()); // the next piece takes the place of this one
  else
    carried_.erase(0, at_);
  rest_ = {};
  at_ = 0;
  auto piece = upstream().pull(SIZE_MAX);
  if (!piece.ok()) return piece.error();
  ended_ = piece->end;
  if (carried_.empty())
    rest_ = piece->bytes;
  else
    carried_.append(piece->bytes.data(), piece->bytes.size());
  return {};
}

Result<Piece> Framer::pull(size_t) {
  for (;;) {
    if (at_ > 0 && at_ == carried_.size()) {
      carried_.clear();
      at_ = 0;
    }
    const std::span<const char> bytes = present();
    if (!bytes.empty()) {
      auto found = cut(bytes, seen_);
      if (!found.ok()) return found.error();
      if (found->used > 0) {
        use(found->used);
        return Piece{bytes.subspan(found->begin, found->length), false};
      }
      seen_ = bytes.size();
    }
    if (ended_) {
      if (bytes.empty()) return Piece{{}, true};
      use(bytes.size());
      return last(bytes);
    }
    if (const Status status = gather(); !status.ok()) return status.error();
  }
}

Result<Framer::Cut> Lines::cut(std::span<const char> bytes, size_t seen) {
  const void *found = std::memchr(bytes.data() + seen, '\n', bytes.size() - seen);
  if (!found) {
    // One byte more may be the CR of a line that is not too long.
    const size_t could_be = bytes.size() - (bytes.back() == '\r');
    return could_be > max_ ? Result<Cut>(Error{SOCKET_ELIMIT}) : Cut{};
  }
  const auto end = static_cast<size_t>(static_cast<const char *>(found) - bytes.data());
  const size_t text = end - (end > 0 && bytes[end - 1] == '\r');
  if (text > max_) return Error{SOCKET_ELIMIT};
  return Cut{0, keep_ends_ ? end + 1 : text, end + 1};
}

Result<Piece> Lines::last(std::span<const char> bytes) {
  if (bytes.size() > max_) return Error{SOCKET_ELIMIT};
  return Piece{bytes, false};
}

Result<Framer::Cut> LengthDecode::cut(std::span<const char> bytes, size_t) {
  if (bytes.size() < prefix_) return Cut{};
  size_t length = 0;
  for (size_t i = 0; i < prefix_; i++) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  if (length > max_) return Error{SOCKET_ELIMIT};
  if (bytes.size() - prefix_ < length) return Cut{};
  return Cut{prefix_, length, prefix_ + length};
}

LengthEncode::LengthEncode(int prefix, int64_t max) noexcept
    : prefix_(static_cast<size_t>(prefix)),
      max_(static_cast<size_t>(std::min(max, (int64_t{1} << (8 * prefix)) - 1))) {}

Result<Piece> LengthEncode::pull(size_t most) {
  auto piece = upstream().pull(std::min(most, max_));
  if (!piece.ok() || piece->end) return piece;
  const size_t length = piece->bytes.size();
  if (length > max_) return Error{SOCKET_ELIMIT};
  out_.resize(prefix_ + length);
  for (size_t i = 0; i < prefix_; i++)
    out_[i] = static_cast<char>(length >> (8 * (prefix_ - 1 - i)));
  std::copy(piece->bytes.begin(), piece->bytes.end(),
            out_.begin() + static_cast<std::ptrdiff_t>(prefix_));
  return Piece{out_, false};
}

// ---- The program's own

Result<Piece> Custom::pull(size_t) {
  for (;;) {
    if (next_unit_ < units_.size()) {
      const size_t length = units_[next_unit_++];
      const auto unit = std::span<const char>(out_).subspan(at_, length);
      at_ += length;
      return Piece{unit, false};
    }
    out_.clear();
    units_.clear();
    next_unit_ = at_ = 0;
    if (finished_) return Piece{{}, true};
    if (!std::exchange(refused_, false))
      if (const Status status = take_more(); !status.ok()) return status.error();
    if (const Status status = run(); !status.ok()) return status.error();
  }
}

Status Custom::take_more() {
  auto piece = upstream().pull(SIZE_MAX);
  if (!piece.ok()) return piece.error();
  ended_ = piece->end;
  in_.insert(in_.end(), piece->bytes.begin(), piece->bytes.end());
  return {};
}

Status Custom::run() {
  const auto length = static_cast<int64_t>(in_.size());
  pipeline_.set_emitter(this);
  const int64_t used = call_(pipeline_.as_handle(), in_.data(), length, ended_, user_);
  pipeline_.set_emitter(nullptr);
  if (pipeline_.ended()) return Error{SOCKET_ECANCELED};
  if (used < 0) return Error{Pipeline::code_of(used)};
  if (used > length) return Error{SOCKET_EINVAL};
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used));
  if (refused_) return {};
  if (used == 0 && units_.empty() && length > pipeline_.high_mark()) return Error{SOCKET_ELIMIT};
  if (!ended_) return {};
  finished_ = true;
  return in_.empty() ? Status() : Status(Error{SOCKET_EPROTOCOL});
}

Status Custom::emit(std::span<const char> bytes) {
  const int64_t with_it = static_cast<int64_t>(out_.size() + bytes.size());
  if (!units_.empty() && (with_it > pipeline_.high_mark() || units_.size() >= kMostUnits)) {
    refused_ = true;
    return Error{SOCKET_EAGAIN};
  }
  units_.reserve(units_.size() + 1);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  units_.push_back(bytes.size());
  return {};
}

} // namespace socketpoll
