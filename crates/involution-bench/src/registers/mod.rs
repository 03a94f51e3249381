//! `involution bench registers`: what a driver's compiler makes of every kernel, also of kernels for a GPU that is not
//! there.

mod driver;
mod listing;

use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use involution::gpu::Precision;
use involution::kernels::{KernelKey, shader};
use involution::shaders::KERNELS;
use serde::{Deserialize, Serialize};

use crate::adapter::Flags;
use crate::{Outcome, bad_use, files, output};
use driver::{Driver, Executable};
use listing::{Counts, Scope, hottest};

/// The variable by which RADV compiles for a family of GPUs without one of them.
const FAMILY: &str = "RADV_FORCE_FAMILY";

/// How much smaller the share of multiply-adds may be without being worse.
const SMALL: f64 = 0.03;

/// Registers come in steps of this many where the driver does not say how many subgroups they leave room for.
const STEP: u64 = 8;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kernels whose name and variant contain one of these texts: conv/pointwise, `T=8`
    #[arg(value_name = "TEXTS")]
    filter: Vec<String>,
    /// Let RADV compile for this family of AMD's GPUs, which need not be there: navi31, navi21, vega20
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Write the figures as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Compare with a file of --json: the exit code is 1 where a kernel is worse
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// What a driver made of the kernels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Report {
    device: String,
    driver: String,
    kernels: Vec<Row>,
}

/// What a driver made of a variant of a kernel; figures that it does not give are missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    kernel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    subgroup: u64,
    registers: Option<u64>,
    /// Subgroups that fit on a unit at once.
    occupancy: Option<u64>,
    spills: Option<u64>,
    /// Bytes of memory that each lane has for what registers cannot hold.
    scratch: Option<u64>,
    /// Bytes of workgroup memory.
    shared: Option<u64>,
    instructions: Option<u64>,
    bytes: Option<u64>,
    hottest: Option<(Scope, Counts)>,
}

impl Row {
    fn of(kernel: String, made: &Executable) -> Self {
        // Drivers name the same figure differently.
        let figure = |names: &[&str]| {
            let found = made
                .statistics
                .iter()
                .filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
            found.map(|(_, value)| *value).reduce(|sum, value| sum + value)
        };
        let subgroup = made.subgroup.into();
        Row {
            kernel,
            error: None,
            subgroup,
            registers: figure(&["VGPRs", "Register Count", "Max live registers"]),
            occupancy: figure(&["Subgroups per SIMD"]),
            spills: figure(&["Spilled VGPRs", "Spilled SGPRs", "Spill Count", "Fill Count"]),
            scratch: figure(&["Scratch size", "Scratch Memory Size", "Stack Size"]),
            shared: figure(&["LDS size", "Workgroup Memory Size", "Shared Memory Size"]),
            instructions: figure(&["Instructions", "Instruction Count"]),
            bytes: figure(&["Code size", "Binary Size"]),
            hottest: made.listing.as_ref().and_then(|listing| hottest(listing, subgroup)),
        }
    }

    /// Multiply-adds of the hottest loop for each of its instructions.
    fn share(&self) -> Option<f64> {
        let (_, counts) = self.hottest?;
        Some(counts.multiply_adds as f64 / counts.instructions as f64)
    }

    /// What is worse than it was.
    fn worse_than(&self, before: &Row) -> Vec<String> {
        let mut found = Vec::new();
        if let (None, Some(error)) = (&before.error, &self.error) {
            return vec![format!("does not compile any more: {error}")];
        }
        let number = |value: Option<u64>| value.unwrap_or_default();
        let was_is =
            |what: &str, was, is| format!("{what}: was {}, is {}", number(was), number(is));
        let worse = match self.occupancy.zip(before.occupancy) {
            Some((is, was)) => is < was,
            None => number(self.registers).div_ceil(STEP) > number(before.registers).div_ceil(STEP),
        };
        if worse {
            let registers = was_is("registers", before.registers, self.registers);
            let room = was_is("; subgroups that fit", before.occupancy, self.occupancy);
            found.push(registers + &room);
        }
        for (what, was, is) in [
            ("spills", before.spills, self.spills),
            ("bytes of scratch", before.scratch, self.scratch),
        ] {
            if number(is) > number(was) {
                found.push(was_is(what, was, is));
            }
        }
        if let Some((is, was)) = self.share().zip(before.share())
            && is < was * (1.0 - SMALL)
        {
            found.push(format!("multiply-adds for each instruction: was {was:.2}, is {is:.2}"));
        }
        found
    }
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let file = args.json.clone().or_else(|| json.then(|| PathBuf::from("-")));
    file.iter().try_for_each(|file| output::check(file))?;
    let before = args.against.as_deref().map(Report::read).transpose()?;
    let kernels = select(&args.filter, flags.precision() != Precision::F32)?;
    if let Some(family) =
        args.family.as_ref().filter(|family| env::var(FAMILY) != Ok((*family).clone()))
    {
        // The driver reads the variable, and the process must not change its own.
        let mut again = Command::new(env::current_exe()?);
        let again = again.args(env::args_os().skip(1)).env(FAMILY, family).status()?;
        return Ok(Outcome::of(again.success()));
    }
    let driver = Driver::open(if args.family.is_some() { "RADV" } else { flags.name() })?;
    let report = compile(&driver, &kernels);
    if let Some(file) = &file {
        output::write(file, report.json()?.as_bytes())?;
    }
    if !file.is_some_and(|file| files::is_stdout(&file)) {
        output::print(&report.text())?;
    }
    let worse = before.map_or(Ok(Vec::new()), |before| report.worse_than(&before))?;
    worse.iter().for_each(output::say);
    match &args.against {
        Some(file) if !worse.is_empty() => {
            bail!("{} worse than in {}", output::count(worse.len(), "figure"), file.display())
        }
        _ => Ok(Outcome::of(report.kernels.iter().all(|row| row.error.is_none()))),
    }
}

/// A kernel to compile.
struct Wanted {
    name: String,
    key: KernelKey,
    /// What the device defines.
    defines: &'static [&'static str],
}

/// The variants of all kernels whose names contain one of these texts. With `halves` for devices that store half precision;
/// kernels of matrix units are always for such devices.
fn select(filter: &[String], halves: bool) -> Result<Vec<Wanted>> {
    let all = KERNELS.iter().flat_map(|&kernel| {
        kernel.variants.iter().map(move |&variant| {
            let halves = halves || kernel.matrices;
            let labels = [variant.label, "f16"];
            let labels = if halves { &labels[..] } else { &labels[..1] };
            let labels: Vec<_> = labels.iter().filter(|label| !label.is_empty()).copied().collect();
            let name = format!("{}[{}]", kernel.name, labels.join(","));
            let defines: &[&str] = if halves { &["F16"] } else { &[] };
            Wanted { name, key: KernelKey { kernel, variant }, defines }
        })
    });
    let is_wanted = |name: &str| filter.is_empty() || filter.iter().any(|text| name.contains(text));
    let found: Vec<_> = all.filter(|kernel| is_wanted(&kernel.name)).collect();
    match found.is_empty() {
        true => Err(bad_use(format!("no kernel is named {}", filter.join(" or ")))),
        false => Ok(found),
    }
}

/// What a driver makes of the kernels; those for matrices or subgroups of another size than the device's are left out.
fn compile(driver: &Driver, kernels: &[Wanted]) -> Report {
    let row = |Wanted { name, key: KernelKey { kernel, variant }, defines }: &Wanted| {
        let side = if variant.defines("MATRIX16") { 16 } else { 8 };
        if kernel.matrices && !driver.matrices.contains(&side) {
            return None;
        }
        let made = shader::load(kernel, *variant, defines)
            .map_err(anyhow::Error::from)
            .and_then(|shader| driver.compile(&shader));
        let lanes = variant.get("LANES").filter(|_| kernel.matrices);
        match made {
            Ok(made) if lanes.is_some_and(|lanes| lanes != made.subgroup) => None,
            Ok(made) => Some(Row::of(name.clone(), &made)),
            Err(error) => {
                let error = Some(format!("{error:#}"));
                Some(Row { kernel: name.clone(), error, ..Row::default() })
            }
        }
    };
    Report {
        device: driver.device_name.clone(),
        driver: driver.driver.clone(),
        kernels: kernels.iter().filter_map(row).collect(),
    }
}

impl Report {
    fn read(file: &Path) -> Result<Self> {
        serde_json::from_str(&files::text(file)?).map_err(|error| {
            bad_use(format!("{} is no file of registers: {error}", file.display()))
        })
    }

    /// One kernel a line, so that a change of one is a change of a line.
    fn json(&self) -> Result<String> {
        let rows: Result<Vec<String>, _> = self.kernels.iter().map(serde_json::to_string).collect();
        let [device, driver] = [&self.device, &self.driver].map(serde_json::to_string);
        let (device, driver) = (device?, driver?);
        let rows = rows.context("JSON")?.join(",\n");
        Ok(format!("{{\"device\":{device},\"driver\":{driver},\"kernels\":[\n{rows}\n]}}\n"))
    }

    /// What is worse than in another report of the same compiler, a line for each figure.
    fn worse_than(&self, before: &Report) -> Result<Vec<String>> {
        let compiler = |report: &Report| format!("{} by {}", report.device, report.driver);
        let [is, was] = [self, before].map(compiler);
        if is != was {
            return Err(bad_use(format!("another compiler made the other file: {was}, not {is}")));
        }
        let mut lines = Vec::new();
        for row in &self.kernels {
            let before = before.kernels.iter().find(|before| before.kernel == row.kernel);
            let worse = before.map_or(Vec::new(), |before| row.worse_than(before));
            lines.extend(worse.into_iter().map(|what| format!("worse: {}: {what}", row.kernel)));
        }
        Ok(lines)
    }

    fn text(&self) -> String {
        let mut table = output::table(
            &[
                "kernel", "regs", "fit", "spills", "shared", "instr", "of", "f/i", "f/v", "f/s",
                "f/m",
            ],
            1,
        );
        let cell =
            |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let mut errors = String::new();
        for row in &self.kernels {
            if let Some(error) = &row.error {
                let _ = writeln!(errors, "FAILED {}: {error}", row.kernel);
            }
            let scope = row.hottest.map_or("-", |(scope, _)| match scope {
                Scope::Loop => "loop",
                Scope::Step => "step",
                Scope::Kernel => "all",
            });
            let per = |of: fn(&Counts) -> u64, digits: usize| match row.hottest {
                Some((_, counts)) if counts.multiply_adds > 0 && of(&counts) > 0 => {
                    format!("{:.digits$}", counts.multiply_adds as f64 / of(&counts) as f64)
                }
                _ => "-".to_owned(),
            };
            table.add_row([
                row.kernel.clone(),
                cell(row.registers),
                cell(row.occupancy),
                cell(row.spills.or(row.scratch)),
                cell(row.shared),
                cell(row.instructions),
                scope.to_owned(),
                per(|counts| counts.instructions, 2),
                per(|counts| counts.vector, 2),
                per(|counts| counts.shared, 1),
                per(|counts| counts.memory, 1),
            ]);
        }
        format!(
            "{}: {}\n{}{errors}regs: registers of a lane; fit: subgroups at once; f/i, f/v, f/s, f/m: multiply-adds for each\n\
             instruction, vector instruction, access of workgroup memory and of memory, of the hottest\n\
             loop, of the step with barriers around it, or of all. Counts are not speed.\n",
            self.device,
            self.driver,
            output::render(&table)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(registers: u64, occupancy: Option<u64>, spills: u64, multiply_adds: u64) -> Row {
        let counts = Counts { instructions: 1000, multiply_adds, ..Counts::default() };
        Row {
            kernel: "conv/pointwise[T=8]".to_owned(),
            registers: Some(registers),
            occupancy,
            spills: Some(spills),
            hottest: Some((Scope::Loop, counts)),
            ..Row::default()
        }
    }

    fn worse(before: Row, after: Row) -> Result<String> {
        let report = |row| Report { device: "a".into(), driver: "b".into(), kernels: vec![row] };
        Ok(report(after).worse_than(&report(before))?.join("\n"))
    }

    /// Of the multiply-adds of the plain involution of 7x7, its variants for borders and larger outputs keep nine tenths.
    #[test]
    fn borders_keep_the_share_of_multiply_adds() -> Result<()> {
        let baseline = include_str!("../../../../benches/registers/navi31.json");
        let report: Report = serde_json::from_str(baseline)?;
        let row = |name: &str| {
            let row = report.kernels.iter().find(|row| row.kernel == name);
            row.with_context(|| format!("{name} is not in the baseline"))
        };
        let plain = row("involution/vec4_rows[K=7]")?.share().context("no share")?;
        for variant in [
            "vec4_rows[K=7,BORDER=1]",
            "vec4_rows[K=7,BORDER=2]",
            "shifted_rows[K=7,BORDER=3]",
            "upsampled[K=7,R=2]",
            "upsampled[K=7,R=4]",
        ] {
            let row = row(&format!("involution/{variant}"))?;
            assert!(row.share() >= Some(0.9 * plain), "{variant}: {:?} of {plain}", row.share());
            assert_eq!((row.spills, row.error.as_ref()), (Some(0), None), "{variant}");
        }
        Ok(())
    }

    #[test]
    fn a_kernel_is_worse_by_an_occupancy_step_by_spills_and_by_its_share_of_multiply_adds()
    -> Result<()> {
        let before = || row(84, Some(18), 0, 800);
        for (after, part) in [
            (row(88, Some(18), 0, 780), ""),
            (
                row(96, Some(16), 0, 800),
                "registers: was 84, is 96; subgroups that fit: was 18, is 16",
            ),
            (row(84, Some(18), 2, 800), "spills: was 0, is 2"),
            (row(84, Some(18), 0, 770), "instruction: was 0.80, is 0.77"),
            (Row { error: Some("no".into()), ..before() }, "does not compile any more: no"),
        ] {
            let found = worse(before(), after)?;
            assert!(found.contains(part) && found.is_empty() == part.is_empty(), "{part}: {found}");
            assert!(
                part.is_empty() || found.starts_with("worse: conv/pointwise[T=8]: "),
                "{found}"
            );
        }
        // Without the driver's word for it, registers come in eights.
        assert_eq!(worse(row(81, None, 0, 1), row(88, None, 0, 1))?, "");
        assert!(worse(row(88, None, 0, 1), row(89, None, 0, 1))?.contains("was 88, is 89"));
        Ok(())
    }

    #[test]
    fn another_compiler_is_not_compared_and_a_report_is_what_was_written() -> Result<()> {
        let rows =
            vec![row(84, Some(18), 0, 800), Row { error: Some("no".into()), ..Row::default() }];
        let report = Report { device: "a".into(), driver: "b".into(), kernels: rows };
        let read: Report = serde_json::from_str(&report.json()?)?;
        assert_eq!(read, report);
        let other = Report { driver: "c".into(), ..report.clone() };
        assert!(report.worse_than(&other).is_err());
        Ok(())
    }
}
