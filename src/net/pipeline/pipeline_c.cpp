// extern "C" functions of SocketPipeline.h.
#include "SocketPipeline.h"

#include "net/object_c.hpp"
#include "net/os/os_file.hpp"
#include "net/pinned_c.hpp"
#include "net/pipeline/limiter.hpp"
#include "net/pipeline/pipeline.hpp"

using namespace socketpoll;

namespace {

template <class Body> int with_pipeline(SocketPipeline_T pipeline, Body &&body) noexcept {
  return with<Pipeline>(pipeline, [&](Pipeline &self) -> Status { return body(self); });
}

Status add_file(Pipeline &self, Result<Fd> file, int64_t offset, int64_t length) {
  if (!file.ok()) return file.error();
  const auto shared = std::make_shared<const Fd>(file.take());
  return self.set_source(std::make_unique<FileSource>(FileRange{shared, offset, length}));
}

Result<Fd> duplicate_file(int fd) noexcept {
  if (const Status status = os::check_file(fd); !status.ok()) return status.error();
  return os::duplicate(fd);
}

bool valid_framing(int prefix_bytes, int64_t max_bytes) noexcept {
  return (prefix_bytes == 1 || prefix_bytes == 2 || prefix_bytes == 4) && max_bytes >= 1 &&
         max_bytes <= SOCKET_PIPELINE_MAX_UNIT;
}

} // namespace

SocketPipeline_T SocketPipeline_new(SocketLoop_T loop) {
  return new_on_loop<SocketPipeline_T>(loop, [](Loop &on) { return Pipeline::create(on); });
}

void SocketPipeline_free(SocketPipeline_T *pipeline) { free_object<Pipeline>(pipeline); }

int SocketPipeline_set_callback(SocketPipeline_T pipeline, SocketCallback_T callback, void *user) {
  return set_callback<Pipeline>(pipeline, callback, user);
}

// ---- The source

int SocketPipeline_from_file(SocketPipeline_T pipeline, const char *path, int64_t offset,
                             int64_t length) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!path || offset < 0 || length < -1) return Error{SOCKET_EINVAL};
    const Status status = add_file(self, os::open_to_read(path), offset, length);
    return status.ok() ? status : Status(explain(status.error(), "cannot read %s", path));
  });
}

int SocketPipeline_from_fd(SocketPipeline_T pipeline, int fd, int64_t offset, int64_t length) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (offset < 0 || length < -1) return Error{SOCKET_EINVAL};
    return add_file(self, duplicate_file(fd), offset, length);
  });
}

int SocketPipeline_from_stream(SocketPipeline_T pipeline, SocketStream_T stream) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    auto found = self.stream_of(word_of_handle(stream));
    if (!found.ok()) return found.error();
    return self.set_source(std::make_unique<StreamSource>(self, (*found)->handle()));
  });
}

int SocketPipeline_from_memory(SocketPipeline_T pipeline, const void *data, int64_t length) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    return self.set_source(std::make_unique<MemorySource>(bytes_of(data, length)));
  });
}

int SocketPipeline_from_callback(SocketPipeline_T pipeline, SocketPull_T pull, void *user) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!pull) return Error{SOCKET_EINVAL};
    return self.set_source(std::make_unique<CallbackSource>(self, pull, user));
  });
}

// ---- The sink

int SocketPipeline_to_file(SocketPipeline_T pipeline, const char *path, int existing) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!path || existing < SOCKET_FILE_REPLACE || existing > SOCKET_FILE_NEW)
      return Error{SOCKET_EINVAL};
    if (!self.may_set_sink()) return Error{SOCKET_ESTATE}; // before anything is emptied
    auto file = os::open_to_write(path, static_cast<os::Existing>(existing));
    if (!file.ok()) return explain(file.error(), "cannot write %s", path);
    return self.set_sink(std::make_unique<FileSink>(file.take()));
  });
}

int SocketPipeline_to_fd(SocketPipeline_T pipeline, int fd) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    auto file = duplicate_file(fd);
    if (!file.ok()) return file.error();
    return self.set_sink(std::make_unique<FileSink>(file.take()));
  });
}

int SocketPipeline_to_stream(SocketPipeline_T pipeline, SocketStream_T stream) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    auto found = self.stream_of(word_of_handle(stream));
    if (!found.ok()) return found.error();
    return self.set_sink(std::make_unique<StreamSink>(self, (*found)->handle()));
  });
}

int SocketPipeline_to_buf(SocketPipeline_T pipeline, SocketBuf_T buf) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    const Pinned<Buffer> pinned(word_of_handle(buf));
    if (!pinned) return Error{SOCKET_EBADHANDLE};
    return self.set_sink(std::make_unique<BufferSink>(Ref<Buffer>::share(*pinned)));
  });
}

int SocketPipeline_to_callback(SocketPipeline_T pipeline, SocketPush_T push, void *user) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!push) return Error{SOCKET_EINVAL};
    return self.set_sink(std::make_unique<CallbackSink>(self, push, user));
  });
}

// ---- Transforms

int SocketPipeline_add_limit(SocketPipeline_T pipeline, int64_t bytes, int strict) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (bytes < 0) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<Limit>(bytes, strict != 0));
  });
}

int SocketPipeline_add_count(SocketPipeline_T pipeline) {
  return with<Pipeline>(pipeline, [](Pipeline &self) { return self.add_count(); });
}

int64_t SocketPipeline_get_count(SocketPipeline_T pipeline, int counter) {
  return with<Pipeline>(pipeline, [&](Pipeline &self) { return self.count(counter); });
}

int SocketPipeline_add_lines(SocketPipeline_T pipeline, int64_t max_bytes, int keep_ends) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!valid_framing(1, max_bytes)) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<Lines>(max_bytes, keep_ends != 0));
  });
}

int SocketPipeline_add_length_decode(SocketPipeline_T pipeline, int prefix_bytes,
                                     int64_t max_bytes) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!valid_framing(prefix_bytes, max_bytes)) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<LengthDecode>(prefix_bytes, max_bytes));
  });
}

int SocketPipeline_add_length_encode(SocketPipeline_T pipeline, int prefix_bytes,
                                     int64_t max_bytes) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!valid_framing(prefix_bytes, max_bytes)) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<LengthEncode>(prefix_bytes, max_bytes));
  });
}

int SocketPipeline_add_transform(SocketPipeline_T pipeline, SocketTransform_T transform,
                                 void *user) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!transform) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<Custom>(self, transform, user));
  });
}

int SocketPipeline_emit(SocketPipeline_T pipeline, const void *data, int64_t length) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    return self.emit(bytes_of(data, length));
  });
}

int SocketPipeline_add_limiter(SocketPipeline_T pipeline, SocketLimiter_T limiter) {
  return with_pipeline(pipeline, [&](Pipeline &self) -> Status {
    auto found = find<Limiter>(limiter);
    if (!found.ok()) return found.error();
    if (&(*found)->loop() != &self.loop()) return Error{SOCKET_EINVAL};
    return self.add(std::make_unique<RateLimit>(self, (*found)->bucket()));
  });
}

// ---- Settings

int SocketPipeline_set_high_mark(SocketPipeline_T pipeline, int64_t bytes) {
  return with_pipeline(pipeline, [&](Pipeline &self) { return self.set_high_mark(bytes); });
}

int SocketPipeline_set_progress(SocketPipeline_T pipeline, int64_t every_bytes) {
  return with_pipeline(pipeline, [&](Pipeline &self) { return self.set_progress(every_bytes); });
}

int SocketPipeline_set_zero_copy(SocketPipeline_T pipeline, int on) {
  return with_pipeline(pipeline, [&](Pipeline &self) { return self.set_zero_copy(on != 0); });
}

// ---- Running

int SocketPipeline_start(SocketPipeline_T pipeline) {
  return with_pipeline(pipeline, [](Pipeline &self) { return self.start(); });
}

SocketFuture_T SocketAsync_pipeline(SocketPipeline_T pipeline, int timeout_ms) {
  return guarded_new<SocketFuture_T>([&]() -> Result<HandleWord> {
    auto found = find<Pipeline>(pipeline);
    if (!found.ok()) return found.error();
    auto future = (*found)->start_as_future(timeout_ms);
    if (!future.ok()) return future.error();
    return (*future)->handle();
  });
}

int SocketPipeline_pause(SocketPipeline_T pipeline) {
  return with_pipeline(pipeline, [](Pipeline &self) -> Status { return self.pause(), Status(); });
}

int SocketPipeline_resume(SocketPipeline_T pipeline) {
  return with_pipeline(pipeline, [](Pipeline &self) -> Status { return self.resume(), Status(); });
}

int SocketPipeline_cancel(SocketPipeline_T pipeline) {
  return with_pipeline(pipeline, [](Pipeline &self) { return self.cancel(); });
}

int64_t SocketPipeline_get_written(SocketPipeline_T pipeline) {
  return with<Pipeline>(pipeline, [](Pipeline &self) { return Result<int64_t>(self.written()); });
}

int64_t SocketPipeline_get_taken(SocketPipeline_T pipeline) {
  return with<Pipeline>(pipeline, [](Pipeline &self) { return Result<int64_t>(self.taken()); });
}

int SocketPipeline_get_zero_copy(SocketPipeline_T pipeline) {
  return with<Pipeline>(pipeline, [](Pipeline &self) { return Result<int>(self.zero_copy()); });
}
