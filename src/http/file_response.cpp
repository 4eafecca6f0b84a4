#include "http/file_response.hpp"

#include "http/h1_writer.hpp"
#include "http/range.hpp"

#include <string>

namespace socketpoll::http {
namespace {

// Up to here copying is cheaper than keeping the file's memory alive.
constexpr size_t kMaxCopied = 16384;

constexpr uint64_t bit(KnownHeader id) noexcept { return uint64_t{1} << static_cast<unsigned>(id); }
constexpr uint64_t kConditional = bit(KnownHeader::if_match) | bit(KnownHeader::if_none_match) |
                                  bit(KnownHeader::if_modified_since) |
                                  bit(KnownHeader::if_unmodified_since);

class Response {
public:
  Response(Exchange &exchange, const FileRef &content) noexcept
      : exchange_(exchange), content_(content) {}

  Status run(int64_t now) {
    if (exchange_.head().seen & kConditional) {
      const auto outcome =
          evaluate(Conditions::of(exchange_.request()), content_->validators(), true, now);
      if (outcome == ConditionOutcome::not_modified) return not_modified();
      if (outcome == ConditionOutcome::precondition_failed) return exchange_.respond_error(412);
    }
    RangeSet set;
    switch (wanted_ranges(set, now)) {
    case RangeOutcome::unsatisfiable: return unsatisfiable();
    case RangeOutcome::partial: return set.count == 1 ? single(set.ranges[0]) : multiple(set);
    case RangeOutcome::whole: break;
    }
    if (const Status status = add(content_->lines()); !status.ok()) return status;
    if (exchange_.is_head_request())
      return exchange_.respond_head(200, content_->type(), static_cast<int64_t>(content_->size()));
    return send(200, 0, content_->size());
  }

private:
  Status add(std::string_view lines) { return exchange_.add_lines(lines); }

  Status not_modified() {
    if (const Status status = add(content_->validator_lines()); !status.ok()) return status;
    return exchange_.respond_head(304, {}, -1);
  }

  // Range is for GET alone (RFC 9110 14.2), and several lines of it, or of If-Range, mean nothing.
  RangeOutcome wanted_ranges(RangeSet &set, int64_t now) const noexcept {
    if (!exchange_.head().has(KnownHeader::range) || exchange_.is_head_request())
      return RangeOutcome::whole;
    const RequestView request = exchange_.request();
    std::string_view range, condition;
    if (request.collect(KnownHeader::range, &range, 1) != 1) return RangeOutcome::whole;
    const size_t conditions = request.collect(KnownHeader::if_range, &condition, 1);
    if (conditions > 1) return RangeOutcome::whole;
    if (conditions == 1 && !if_range_holds(condition, content_->validators(), now))
      return RangeOutcome::whole;
    return parse_range(range, content_->size(), set);
  }

  Status unsatisfiable() {
    char value[kMaxContentRange];
    return with_content_range({value, unsatisfied_range(value, content_->size())},
                              [&] { return exchange_.respond_error(416); });
  }

  Status single(ByteRange range) {
    if (const Status status = add(content_->lines()); !status.ok()) return status;
    char value[kMaxContentRange];
    return with_content_range({value, content_range(value, range, content_->size())},
                              [&] { return send(206, range.first, range.length()); });
  }

  template <class Then> Status with_content_range(std::string_view value, Then &&then) {
    char line[kMaxContentRange + 32];
    HeadWriter writer(line, sizeof line);
    writer.field("Content-Range", value);
    const Status status = add(writer.written());
    return status.ok() ? then() : status;
  }

  Status send(int status, uint64_t offset, uint64_t length) {
    if (!content_->in_memory())
      return exchange_.respond_file(status, content_->type(), file_range(offset, length));
    const auto bytes = content_->bytes().subspan(offset, length);
    if (length <= kMaxCopied) return exchange_.respond(status, content_->type(), bytes);
    Borrowed borrowed;
    borrowed.bytes = bytes;
    borrowed.owner = content_;
    return exchange_.respond_borrowed(status, content_->type(), std::move(borrowed));
  }

  FileRange file_range(uint64_t offset, uint64_t length) const noexcept {
    return {std::shared_ptr<const Fd>(content_, &content_->file()), static_cast<int64_t>(offset),
            static_cast<int64_t>(length)};
  }

  Status multiple(const RangeSet &set) {
    char boundary[kBoundaryLength];
    make_boundary(boundary, os::random_bits());
    const MultipartRanges parts{
        set, content_->size(), content_->type(), {boundary, sizeof boundary}};
    std::string type = "multipart/byteranges; boundary=";
    type.append(boundary, sizeof boundary);
    if (const Status status = add(content_->lines()); !status.ok()) return status;
    return content_->in_memory() ? multiple_in_memory(parts, type) : multiple_in_file(parts, type);
  }

  static constexpr size_t kMaxPartHead = 512;

  Status multiple_in_memory(const MultipartRanges &parts, std::string_view type) {
    std::string body;
    body.reserve(parts.total_length());
    char head[kMaxPartHead];
    for (size_t i = 0; i < parts.set.count; i++) {
      const ByteRange &range = parts.set.ranges[i];
      body.append(head, parts.part_head(i, head, sizeof head));
      body.append(content_->bytes().data() + range.first, range.length());
    }
    body.append(head, parts.closing(head, sizeof head));
    return exchange_.respond(206, type, body);
  }

  Status multiple_in_file(const MultipartRanges &parts, std::string_view type) {
    Status status = exchange_.start(206, type, static_cast<int64_t>(parts.total_length()));
    char head[kMaxPartHead];
    for (size_t i = 0; status.ok() && i < parts.set.count; i++) {
      const ByteRange &range = parts.set.ranges[i];
      status = exchange_.write({head, parts.part_head(i, head, sizeof head)});
      if (status.ok()) status = exchange_.write_file(file_range(range.first, range.length()));
    }
    if (status.ok()) status = exchange_.write({head, parts.closing(head, sizeof head)});
    return status.ok() ? exchange_.end() : status;
  }

  Exchange &exchange_;
  const FileRef &content_;
};

} // namespace

Status respond_content(Exchange &exchange, const FileRef &content, int64_t now) {
  return Response(exchange, content).run(now);
}

} // namespace socketpoll::http
