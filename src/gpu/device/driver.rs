//! An open device as wgpu has it, and how its failures become errors.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use super::adapter::{AdapterInfo, Wanted, announce, choose, describe, instance, limits_of, lower};
use super::options::{Options, Precision};
use super::profile::profile;
use crate::error::{Error, Result};
use crate::kernels::DeviceProfile;
use crate::tensor::DType;

/// Why an adapter is refused.
const NO_HALF: &str =
    "its shaders have no half precision (shader-f16): use single precision, or a newer driver";

/// The optional features that are asked for where an adapter has them.
const WANTED_FEATURES: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::SUBGROUP);

/// What is asked for beside them on a software adapter: its memory is the host's, and tensors can be written and read
/// where they lie. Elsewhere memory that the host can see is slow for the device.
const WANTED_OF_SOFTWARE: wgpu::Features = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;

/// What matrix units take.
const MATRIX_UNITS: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;

/// A device with its queue, and what it has done wrong so far.
#[derive(Debug)]
pub(crate) struct Driver {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub info: AdapterInfo,
    /// Whether the host can write and read tensors where they lie.
    pub in_place: bool,
    /// What kernels are chosen by; how long loops may be is not known yet.
    pub profile: DeviceProfile,
    reports: Arc<Reports>,
    unanswered: Unanswered,
}

/// What the driver reports outside of any call.
#[derive(Debug, Default)]
struct Reports {
    lost: OnceLock<String>,
    uncaptured: Mutex<Option<String>>,
}

/// Who waits for an answer of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A thread that has nothing else to do: it waits until the device is done.
    Thread,
    /// A task: its executor goes on after a moment, and asks again. In a browser the answer comes by itself.
    Task,
}

/// For how long a task keeps its executor while it waits for a device that does not answer by itself.
const MOMENT: Duration = Duration::from_millis(1);

/// Opens the device of an adapter with these features.
#[allow(unsafe_code)]
async fn request(
    adapter: &wgpu::Adapter,
    features: wgpu::Features,
    limits: &wgpu::Limits,
) -> Result<(wgpu::Device, wgpu::Queue), wgpu::RequestDeviceError> {
    let experimental_features = match features.contains(MATRIX_UNITS) {
        // SAFETY: of what wgpu calls experimental the device gets cooperative matrices alone, and only the shaders of this
        // crate with `#requires matrices` use them: they load and store whole matrices in workgroup memory, at places that
        // follow from the number of the subgroup, and whole subgroups go the same way. That an interface and its driver
        // carry them out as they stand there is compared when the device is opened (`program::matrices`), before any
        // tensor is on it.
        true => unsafe { wgpu::ExperimentalFeatures::enabled() },
        false => wgpu::ExperimentalFeatures::disabled(),
    };
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("involution"),
        required_features: features,
        required_limits: limits.clone(),
        experimental_features,
        ..Default::default()
    };
    adapter.request_device(&descriptor).await
}

impl Driver {
    pub async fn open(options: &Options) -> Result<Self> {
        let wanted = Wanted::from_env()?;
        let none = || Error::NoAdapter { backends: wanted.searched() };
        let instance = instance(&wanted).ok_or_else(none)?;
        let (index, adapter) = choose(&instance, &wanted, &options.adapter).await?;
        let info = describe(index, &adapter);
        let unusable =
            |reason: String| Error::UnusableAdapter { adapter: info.name.clone(), reason };
        let flags = adapter.get_downlevel_capabilities().flags;
        if !flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
            return Err(unusable("it has no compute shaders".to_owned()));
        }
        let mut limits = limits_of(&adapter);
        lower(&mut limits.max_buffer_size, options.max_buffer_size);
        lower(&mut limits.max_storage_buffer_binding_size, options.max_binding_size);
        lower(&mut limits.max_compute_workgroups_per_dimension, options.max_workgroups);
        let mut wanted = WANTED_FEATURES | options.pipeline_cache.features();
        wanted.set(WANTED_OF_SOFTWARE, info.software);
        let int64 = info.software && !options.testing.without_int64;
        wanted.set(wgpu::Features::SHADER_INT64, int64);
        let has_half = adapter.features().contains(wgpu::Features::SHADER_F16);
        let storage = match options.precision {
            Precision::F16 if !has_half => return Err(unusable(NO_HALF.to_owned())),
            Precision::F16 => DType::F16,
            Precision::Auto if has_half => DType::F16,
            Precision::Auto | Precision::F32 => DType::F32,
        };
        wanted.set(wgpu::Features::SHADER_F16, storage == DType::F16);
        wanted.set(MATRIX_UNITS, !options.testing.without_matrix_units);
        let mut features = adapter.features() & wanted;
        let mut profile = profile(&adapter, features, &limits, storage);
        if profile.matrix_units().is_none() {
            features.remove(MATRIX_UNITS);
            profile.cooperative_matrices.clear();
        }
        let opened = request(&adapter, features, &limits).await;
        let (device, queue) = opened.map_err(|error| unusable(error.to_string()))?;

        let reports = Arc::new(Reports::default());
        let seen = reports.clone();
        device.set_device_lost_callback(move |reason, message| {
            // A device that is dropped in good order is not lost to anybody.
            let _ = seen.lost.set(format!("{reason:?}: {message}"));
        });
        let seen = reports.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&seen.uncaptured).get_or_insert_with(|| error.to_string());
        }));
        announce(&info);
        let in_place = device.features().contains(WANTED_OF_SOFTWARE);
        let unanswered = Unanswered::default();
        Ok(Driver { device, queue, limits, info, profile, in_place, reports, unanswered })
    }

    /// An error where the device is gone, has complained outside of any call, or has answered by now what an earlier call
    /// did wrong.
    pub fn check(&self) -> Result<()> {
        if let Some(reason) = self.reports.lost.get() {
            return Err(Error::DeviceLost { reason: reason.clone() });
        }
        if let Some(message) = lock(&self.reports.uncaptured).take() {
            return Err(Error::Device { what: "an earlier command".to_owned(), message });
        }
        match self.unanswered.poll(&mut idle()) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Runs device calls under error scopes and turns what they report into an error. `bytes` is what the calls allocate,
    /// for the message. Where the device answers later, as a browser's does, the error is that of [`Driver::settle`].
    pub fn guarded<T>(&self, what: &str, bytes: u64, call: impl FnOnce() -> T) -> Result<T> {
        self.check()?;
        let scope = |filter| self.device.push_error_scope(filter);
        let internal = scope(wgpu::ErrorFilter::Internal);
        let validation = scope(wgpu::ErrorFilter::Validation);
        let memory = scope(wgpu::ErrorFilter::OutOfMemory);
        let value = call();
        let (memory, validation, internal) = (memory.pop(), validation.pop(), internal.pop());
        let what = what.to_owned();
        let answer = self.unanswered.add(Box::pin(async move {
            let (memory, validation, internal) = (memory.await, validation.await, internal.await);
            memory.or(validation).or(internal).map(|error| match error {
                wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { what, bytes },
                error => Error::Device { what, message: error.to_string() },
            })
        }));
        self.check()?;
        answer.map(|()| value)
    }

    /// Waits for what the device has not answered yet, and gives the first error in it.
    pub async fn settle(&self) -> Result<()> {
        poll_fn(|task| self.unanswered.poll(task)).await?;
        self.check()
    }

    /// The error of what the device refused: that it is lost, where it was lost since it was last asked.
    pub fn refused(&self, what: &str, message: String) -> Error {
        let refused = Error::Device { what: what.to_owned(), message };
        self.check().err().unwrap_or(refused)
    }

    /// Waits in this thread for a submission, or for all there are.
    pub fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        self.check()?;
        polled.map(|_| ()).map_err(|error| self.refused("waiting", error.to_string()))
    }

    /// What the device answers to a request, once it has done this submission, or all there are.
    pub async fn answer(
        &self,
        answer: &Answer,
        submission_index: Option<wgpu::SubmissionIndex>,
        waiting: Waiting,
    ) -> Result<Result<(), String>> {
        let timeout = (waiting == Waiting::Task).then_some(MOMENT);
        let given = poll_fn(|task| {
            if let Some(given) = answer.given(task) {
                return Poll::Ready(Ok(given));
            }
            let submission_index = submission_index.clone();
            let polled = self.device.poll(wgpu::PollType::Wait { submission_index, timeout });
            if let Some(given) = answer.given(task) {
                return Poll::Ready(Ok(given));
            }
            match polled {
                Err(error) if !matches!(error, wgpu::PollError::Timeout) => {
                    return Poll::Ready(Err(self.refused("waiting", error.to_string())));
                }
                _ => {}
            }
            if let Err(error) = self.check() {
                return Poll::Ready(Err(error));
            }
            if cfg!(not(target_arch = "wasm32")) {
                task.waker().wake_by_ref();
            }
            Poll::Pending
        });
        let given = given.await?;
        self.check()?;
        Ok(given)
    }

    /// Destroys the device, as a driver reset would; whatever comes after is [`Error::DeviceLost`].
    #[cfg(feature = "testing")]
    pub fn destroy(&self) {
        let _ = self.reports.lost.set("destroyed on request".to_owned());
        self.device.destroy();
    }
}

/// What a callback of the driver says, once it is called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer(Arc<Mutex<State>>);

/// The answer, and whom to wake for it.
type State = (Option<Result<(), String>>, Option<Waker>);

impl Answer {
    /// A callback for `map_async` that gives this answer.
    pub fn callback(&self) -> impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static {
        let answer = self.clone();
        move |result| {
            let mut state = lock(&answer.0);
            state.0 = Some(result.map_err(|error| error.to_string()));
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// The answer; the task is woken when there is one.
    fn given(&self, task: &TaskContext<'_>) -> Option<Result<(), String>> {
        let mut state = lock(&self.0);
        if state.0.is_none() {
            state.1 = Some(task.waker().clone());
        }
        state.0.clone()
    }

    /// The answer, where there is one by now.
    pub fn now(&self) -> Option<Result<(), String>> {
        lock(&self.0).0.clone()
    }
}

/// Error scopes that are closed, whose errors the device has yet to tell.
#[derive(Default)]
struct Unanswered(Mutex<Vec<Scopes>>);

type Scopes = Pin<Box<dyn Future<Output = Option<Error>> + Send>>;

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unanswered").field(&lock(&self.0).len()).finish()
    }
}

impl Unanswered {
    /// The error of these scopes where it is there already; otherwise they are kept.
    fn add(&self, mut scopes: Scopes) -> Result<()> {
        match scopes.as_mut().poll(&mut idle()) {
            Poll::Ready(error) => error.map_or(Ok(()), Err),
            Poll::Pending => {
                lock(&self.0).push(scopes);
                Ok(())
            }
        }
    }

    /// Asks all of them once: the first error that is there, or that there is none left to come.
    fn poll(&self, task: &mut TaskContext<'_>) -> Poll<Result<()>> {
        let mut first = None;
        let mut kept = lock(&self.0);
        kept.retain_mut(|scopes| match scopes.as_mut().poll(task) {
            Poll::Ready(error) => {
                first = first.take().or(error);
                false
            }
            Poll::Pending => true,
        });
        match first {
            Some(error) => Poll::Ready(Err(error)),
            None if kept.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

/// For those who ask once and do not wait.
fn idle() -> TaskContext<'static> {
    TaskContext::from_waker(Waker::noop())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at every point where a panic could unwind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scopes that answer when they are asked for the `late`-th time.
    fn scopes(mut late: usize, error: Option<Error>) -> Scopes {
        Box::pin(poll_fn(move |task| {
            task.waker().wake_by_ref();
            match late.checked_sub(1) {
                None => Poll::Ready(error.clone()),
                Some(left) => {
                    late = left;
                    Poll::Pending
                }
            }
        }))
    }

    fn fault(what: &str) -> Error {
        Error::Device { what: what.to_owned(), message: "no".to_owned() }
    }

    #[test]
    fn an_error_that_comes_late_is_not_lost() {
        let all = Unanswered::default();
        assert_eq!(all.add(scopes(0, Some(fault("at once")))), Err(fault("at once")));
        assert_eq!(all.add(scopes(0, None)), Ok(()));
        assert_eq!(all.poll(&mut idle()), Poll::Ready(Ok(())));
        for (late, error) in [(1, None), (3, Some(fault("late"))), (5, None)] {
            assert_eq!(all.add(scopes(late, error)), Ok(()));
        }
        assert_eq!(all.poll(&mut idle()), Poll::Pending);
        assert_eq!(pollster::block_on(poll_fn(|task| all.poll(task))), Err(fault("late")));
        assert_eq!(pollster::block_on(poll_fn(|task| all.poll(task))), Ok(()));
    }
}
