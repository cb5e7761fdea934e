#include "fake.h"
#include "faults.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One lock for the state of all queues and events: a fake has no need to be fast here. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void set_error(cl_int *error, cl_int value)
{
  if (error != NULL) {
    *error = value;
  }
}

/* ---- buffers ---- */

cl_mem fake_create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                          cl_int *error)
{
  static const cl_mem_flags known = CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY | CL_MEM_READ_ONLY |
                                    CL_MEM_ALLOC_HOST_PTR | CL_MEM_HOST_WRITE_ONLY |
                                    CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS;
  if (!fake_is(context, KIND_CONTEXT)) {
    set_error(error, CL_INVALID_CONTEXT);
    return NULL;
  }
  if ((flags & ~known) != 0 || host != NULL) {
    set_error(error, host != NULL ? CL_INVALID_HOST_PTR : CL_INVALID_VALUE);
    return NULL;
  }
  if (bytes == 0 || bytes > FAKE_BUFFER_MAX_BYTES) {
    set_error(error, CL_INVALID_BUFFER_SIZE);
    return NULL;
  }
  if (fake_fault_now(FAULT_NOMEM)) {
    set_error(error, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    return NULL;
  }
  cl_mem buffer = fake_new(KIND_BUFFER, sizeof *buffer);
  uint8_t *data = malloc(bytes);
  if (buffer == NULL || data == NULL) {
    free(buffer);
    free(data);
    set_error(error, CL_OUT_OF_HOST_MEMORY);
    return NULL;
  }
  memset(data, 0xcd, bytes); /* as a device's memory: what nobody wrote is anything */
  buffer->data = data;
  buffer->bytes = bytes;
  buffer->context = context;
  fake_retain(context);
  set_error(error, CL_SUCCESS);
  return buffer;
}

cl_int fake_release_mem_object(cl_mem buffer)
{
  if (!fake_is(buffer, KIND_BUFFER)) {
    return CL_INVALID_MEM_OBJECT;
  }
  cl_context context = buffer->context;
  uint8_t *data = buffer->data;
  if (fake_release(buffer)) {
    free(data);
    free(buffer);
    (void)fake_release_context(context);
  }
  return CL_SUCCESS;
}

/* ---- events ---- */

cl_int fake_release_event(cl_event event)
{
  if (!fake_is(event, KIND_EVENT)) {
    return CL_INVALID_EVENT;
  }
  if (fake_release(event)) {
    free(event);
  }
  return CL_SUCCESS;
}

static void set_status(cl_event event, cl_int status)
{
  (void)pthread_mutex_lock(&lock);
  event->status = status;
  (void)pthread_cond_broadcast(&changed);
  (void)pthread_mutex_unlock(&lock);
}

/* The command has ended: its callbacks are called, in this thread. */
static void end_event(cl_event event, cl_int status)
{
  set_status(event, status);
  /* No callback is added once the status is an end. */
  for (size_t i = 0; i < event->callback_count; i++) {
    event->callbacks[i].function(event, status, event->callbacks[i].user);
  }
}

cl_int fake_get_event_info(cl_event event, cl_event_info what, size_t size, void *value,
                           size_t *size_ret)
{
  if (!fake_is(event, KIND_EVENT)) {
    return CL_INVALID_EVENT;
  }
  if (what != CL_EVENT_COMMAND_EXECUTION_STATUS) {
    return CL_INVALID_VALUE;
  }
  (void)pthread_mutex_lock(&lock);
  cl_int status = event->status;
  (void)pthread_mutex_unlock(&lock);
  return fake_answer(&status, sizeof status, size, value, size_ret);
}

cl_int fake_set_event_callback(cl_event event, cl_int status, fake_callback function, void *user)
{
  cl_int result = CL_SUCCESS;
  if (!fake_is(event, KIND_EVENT)) {
    return CL_INVALID_EVENT;
  }
  if (function == NULL || status != CL_COMPLETE ||
      fake_fault_in(FAULT_CALLBACK_FAILS, event->launch)) {
    return CL_INVALID_VALUE;
  }
  if (fake_fault_in(FAULT_NO_CALLBACK, event->launch)) {
    return CL_SUCCESS;
  }
  (void)pthread_mutex_lock(&lock);
  cl_int now = event->status;
  if (now > CL_COMPLETE) {
    if (event->callback_count < FAKE_CALLBACKS_MAX) {
      event->callbacks[event->callback_count].function = function;
      event->callbacks[event->callback_count].user = user;
      event->callback_count++;
    } else {
      result = CL_OUT_OF_HOST_MEMORY;
    }
  }
  (void)pthread_mutex_unlock(&lock);
  if (now <= CL_COMPLETE) {
    function(event, now, user);
  }
  return result;
}

static cl_int wait_for(cl_event event)
{
  (void)pthread_mutex_lock(&lock);
  while (event->status > CL_COMPLETE) {
    (void)pthread_cond_wait(&changed, &lock);
  }
  cl_int status = event->status;
  (void)pthread_mutex_unlock(&lock);
  return status;
}

cl_int fake_wait_for_events(cl_uint count, const cl_event *events)
{
  cl_int result = CL_SUCCESS;
  if (count == 0 || events == NULL) {
    return CL_INVALID_VALUE;
  }
  for (cl_uint i = 0; i < count; i++) {
    if (!fake_is(events[i], KIND_EVENT)) {
      return CL_INVALID_EVENT;
    }
  }
  for (cl_uint i = 0; i < count; i++) {
    if (wait_for(events[i]) < 0) {
      result = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    }
  }
  return result;
}

/* ---- the queue's thread ---- */

static cl_int run_command(struct fake_command *command)
{
  for (cl_uint i = 0; i < command->wait_count; i++) {
    if (wait_for(command->waits[i]) < 0) {
      return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    }
  }
  set_status(command->event, CL_RUNNING);
  switch (command->kind) {
  case COMMAND_WRITE:
    memcpy(command->buffer->data + command->offset, command->from, command->bytes);
    return CL_COMPLETE;
  case COMMAND_READ:
    memcpy(command->to, command->buffer->data + command->offset, command->bytes);
    return CL_COMPLETE;
  case COMMAND_LAUNCH:
  default:
    return fake_launch(command);
  }
}

/* What it holds; its event has one reference from the start. */
static void retain_command(const struct fake_command *command)
{
  for (cl_uint i = 0; i < command->wait_count; i++) {
    fake_retain(command->waits[i]);
  }
  if (command->kind != COMMAND_LAUNCH) {
    fake_retain(command->buffer);
    return;
  }
  fake_retain(command->kernel);
  for (size_t i = 0; i < FAKE_ARGS; i++) {
    if (command->args.buffer[i] != NULL) {
      fake_retain(command->args.buffer[i]);
    }
  }
}

static void release_command(struct fake_command *command)
{
  for (cl_uint i = 0; i < command->wait_count; i++) {
    (void)fake_release_event(command->waits[i]);
  }
  if (command->kind != COMMAND_LAUNCH) {
    (void)fake_release_mem_object(command->buffer);
  } else {
    for (size_t i = 0; i < FAKE_ARGS; i++) {
      if (command->args.buffer[i] != NULL) {
        (void)fake_release_mem_object(command->args.buffer[i]);
      }
    }
    (void)fake_release_kernel(command->kernel);
  }
  (void)fake_release_event(command->event);
}

/* A queue that goes on alone begins when what it was given may be gone. */
static void dally(cl_command_queue queue)
{
  static const struct timespec moment = {.tv_nsec = 100000000};
  if (queue->is_alone && !queue->has_dallied) {
    queue->has_dallied = true;
    (void)nanosleep(&moment, NULL);
  }
}

static void *end_work(cl_command_queue queue)
{
  if (queue->is_alone) {
    cl_context context = queue->context;
    free(queue);
    (void)fake_release_context(context);
  }
  return NULL;
}

static void *work(void *argument)
{
  cl_command_queue queue = argument;
  for (;;) {
    (void)pthread_mutex_lock(&lock);
    while (queue->done == queue->flushed && !queue->is_stopping) {
      (void)pthread_cond_wait(&changed, &lock);
    }
    bool is_empty = queue->done == queue->flushed;
    (void)pthread_mutex_unlock(&lock);
    if (is_empty) {
      return end_work(queue);
    }
    dally(queue);
    /* Nobody else touches the command while it is not done. */
    struct fake_command *command = &queue->commands[queue->done % FAKE_COMMANDS_MAX];
    end_event(command->event, run_command(command));
    release_command(command);
    (void)pthread_mutex_lock(&lock);
    queue->done++;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
  }
}

cl_command_queue fake_create_command_queue(cl_context context, cl_device_id device,
                                           cl_command_queue_properties properties, cl_int *error)
{
  if (!fake_is(context, KIND_CONTEXT)) {
    set_error(error, CL_INVALID_CONTEXT);
    return NULL;
  }
  if (!fake_is(device, KIND_DEVICE)) {
    set_error(error, CL_INVALID_DEVICE);
    return NULL;
  }
  if (properties != 0) {
    set_error(error, CL_INVALID_QUEUE_PROPERTIES);
    return NULL;
  }
  cl_command_queue queue = fake_new(KIND_QUEUE, sizeof *queue);
  if (queue == NULL) {
    set_error(error, CL_OUT_OF_HOST_MEMORY);
    return NULL;
  }
  queue->context = context;
  if (pthread_create(&queue->thread, NULL, work, queue) != 0) {
    free(queue);
    set_error(error, CL_OUT_OF_RESOURCES);
    return NULL;
  }
  fake_retain(context);
  set_error(error, CL_SUCCESS);
  return queue;
}

/* The last reference waits for what is in the queue, as many drivers do; late, as PoCL does, it
 * does not. Not from a callback. */
cl_int fake_release_command_queue(cl_command_queue queue)
{
  if (!fake_is(queue, KIND_QUEUE)) {
    return CL_INVALID_COMMAND_QUEUE;
  }
  if (!fake_release(queue)) {
    return CL_SUCCESS;
  }
  cl_context context = queue->context;
  (void)pthread_mutex_lock(&lock);
  queue->flushed = queue->queued;
  queue->is_stopping = true;
  queue->is_alone = fake_fault_now(FAULT_LATE);
  bool is_alone = queue->is_alone;
  pthread_t thread = queue->thread;
  (void)pthread_cond_broadcast(&changed);
  (void)pthread_mutex_unlock(&lock);
  if (is_alone) {
    (void)pthread_detach(thread);
    return CL_SUCCESS;
  }
  (void)pthread_join(queue->thread, NULL);
  free(queue);
  (void)fake_release_context(context);
  return CL_SUCCESS;
}

/* ---- commands ---- */

/* Puts a copy of the command at the queue's end; what it holds is retained for it. `event` is where
 * the caller wants it, or NULL. */
static cl_int enqueue(cl_command_queue queue, struct fake_command *command, cl_uint wait_count,
                      const cl_event *waits, cl_event *event)
{
  if ((wait_count == 0) != (waits == NULL) || wait_count > FAKE_WAITS_MAX) {
    return CL_INVALID_EVENT_WAIT_LIST;
  }
  for (cl_uint i = 0; i < wait_count; i++) {
    if (!fake_is(waits[i], KIND_EVENT)) {
      return CL_INVALID_EVENT_WAIT_LIST;
    }
  }
  cl_event own = fake_new(KIND_EVENT, sizeof *own);
  if (own == NULL) {
    return CL_OUT_OF_HOST_MEMORY;
  }
  own->status = CL_QUEUED;
  (void)pthread_mutex_lock(&lock);
  bool is_full = queue->queued - queue->done == FAKE_COMMANDS_MAX;
  if (!is_full) {
    command->number = command->kind == COMMAND_LAUNCH ? fake_launch_new() : 0;
    own->launch = fake_launch_last();
    command->event = own;
    command->wait_count = wait_count;
    for (cl_uint i = 0; i < wait_count; i++) {
      command->waits[i] = waits[i];
    }
    retain_command(command);
    if (event != NULL) {
      fake_retain(own);
      *event = own;
    }
    queue->commands[queue->queued % FAKE_COMMANDS_MAX] = *command;
    queue->queued++;
  }
  (void)pthread_mutex_unlock(&lock);
  if (is_full) {
    free(own);
    return CL_OUT_OF_HOST_MEMORY;
  }
  return CL_SUCCESS;
}

static cl_int copy(cl_command_queue queue, struct fake_command *command, cl_bool blocking,
                   cl_uint wait_count, const cl_event *waits, cl_event *event)
{
  if (!fake_is(queue, KIND_QUEUE)) {
    return CL_INVALID_COMMAND_QUEUE;
  }
  if (!fake_is(command->buffer, KIND_BUFFER)) {
    return CL_INVALID_MEM_OBJECT;
  }
  if ((command->from == NULL && command->to == NULL) || command->bytes == 0 ||
      command->offset > command->buffer->bytes ||
      command->bytes > command->buffer->bytes - command->offset) {
    return CL_INVALID_VALUE;
  }
  cl_int error = enqueue(queue, command, wait_count, waits, event);
  if (error != CL_SUCCESS || !blocking) {
    return error;
  }
  return fake_finish(queue); /* in order: with it, all before it */
}

cl_int fake_enqueue_write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                 size_t offset, size_t bytes, const void *host, cl_uint wait_count,
                                 const cl_event *waits, cl_event *event)
{
  struct fake_command command = {
      .kind = COMMAND_WRITE,
      .buffer = buffer,
      .offset = offset,
      .bytes = bytes,
      .from = host,
  };
  return copy(queue, &command, blocking, wait_count, waits, event);
}

cl_int fake_enqueue_read_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                size_t offset, size_t bytes, void *host, cl_uint wait_count,
                                const cl_event *waits, cl_event *event)
{
  struct fake_command command = {
      .kind = COMMAND_READ,
      .buffer = buffer,
      .offset = offset,
      .bytes = bytes,
      .to = host,
  };
  return copy(queue, &command, blocking, wait_count, waits, event);
}

/* The arguments that a launch needs, in buffers that a device of this kind takes. */
static cl_int check_args(const struct fake_args *args)
{
  static const enum fake_arg constants[] = {ARG_SLICES, ARG_PARTS, ARG_KW};
  for (size_t i = 0; i < FAKE_ARGS; i++) {
    if (!args->is_set[i] || (i != ARG_PART_COUNT && !fake_is(args->buffer[i], KIND_BUFFER))) {
      return CL_INVALID_KERNEL_ARGS;
    }
  }
  for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
    if (args->buffer[constants[i]]->bytes > FAKE_CONSTANT_MAX_BYTES) {
      return CL_OUT_OF_RESOURCES;
    }
  }
  return CL_SUCCESS;
}

cl_int fake_enqueue_ndrange_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                   const size_t *offset, const size_t *global, const size_t *local,
                                   cl_uint wait_count, const cl_event *waits, cl_event *event)
{
  if (!fake_is(queue, KIND_QUEUE)) {
    return CL_INVALID_COMMAND_QUEUE;
  }
  if (!fake_is(kernel, KIND_KERNEL)) {
    return CL_INVALID_KERNEL;
  }
  if (dimensions != 1) {
    return CL_INVALID_WORK_DIMENSION;
  }
  if (offset != NULL && offset[0] != 0) {
    return CL_INVALID_GLOBAL_OFFSET;
  }
  if (global == NULL || global[0] == 0) {
    return CL_INVALID_GLOBAL_WORK_SIZE;
  }
  size_t local_size = local == NULL ? 1 : local[0];
  if (local_size == 0 || local_size > FAKE_GROUP_MAX || global[0] % local_size != 0) {
    return CL_INVALID_WORK_GROUP_SIZE;
  }
  cl_int error = check_args(&kernel->args);
  if (error != CL_SUCCESS) {
    return error;
  }
  if (fake_fault_now(FAULT_NOMEM_LAUNCH)) {
    return CL_OUT_OF_RESOURCES;
  }
  struct fake_command command = {
      .kind = COMMAND_LAUNCH,
      .kernel = kernel,
      .args = kernel->args,
      .groups = global[0] / local_size,
      .local_size = local_size,
  };
  return enqueue(queue, &command, wait_count, waits, event);
}

cl_int fake_flush(cl_command_queue queue)
{
  if (!fake_is(queue, KIND_QUEUE)) {
    return CL_INVALID_COMMAND_QUEUE;
  }
  (void)pthread_mutex_lock(&lock);
  queue->flushed = queue->queued;
  (void)pthread_cond_broadcast(&changed);
  (void)pthread_mutex_unlock(&lock);
  return CL_SUCCESS;
}

cl_int fake_finish(cl_command_queue queue)
{
  cl_int error = fake_flush(queue);
  if (error != CL_SUCCESS) {
    return error;
  }
  (void)pthread_mutex_lock(&lock);
  uint64_t until = queue->queued;
  while (queue->done < until) {
    (void)pthread_cond_wait(&changed, &lock);
  }
  (void)pthread_mutex_unlock(&lock);
  return CL_SUCCESS;
}
