//! The layer table as docs/architecture.md writes it.

const BEGIN: &str = "<!-- layers:begin -->";
const END: &str = "<!-- layers:end -->";

/// What the third column may grant.
pub const GRANTS: &[&str] = &["libc", "mio", "corosensei", "cc", "unsafe"];

#[derive(Debug)]
pub struct Layer {
    pub module: String,
    pub may: Vec<String>,
}

/// Layers from the lowest to the highest: modules that share a row stand in
/// the order in which the row lists them.
#[derive(Debug)]
pub struct Table {
    pub layers: Vec<Layer>,
}

fn backticked(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches('/').to_string()).collect()
}

fn grants(cell: &str) -> Result<Vec<String>, String> {
    let words: Vec<String> = cell
        .split(',')
        .map(|word| word.trim().trim_matches('`').to_string())
        .filter(|word| !word.is_empty())
        .collect();
    match words.iter().find(|word| !GRANTS.contains(&word.as_str())) {
        Some(word) => Err(format!("`{word}` is nothing that a module may be granted")),
        None => Ok(words),
    }
}

impl Table {
    pub fn parse(document: &str) -> Result<Table, String> {
        let (_, after) = document.split_once(BEGIN).ok_or(format!("no {BEGIN}"))?;
        let (inside, _) = after.split_once(END).ok_or(format!("no {END}"))?;
        let mut layers: Vec<Layer> = Vec::new();
        for line in inside.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').collect();
            let modules = backticked(cells[0]);
            if modules.is_empty() {
                continue; // the heading and the rule below it
            }
            let [_, purpose, may] = cells[..] else {
                return Err(format!("not three columns: {line}"));
            };
            if purpose.trim().is_empty() {
                return Err(format!("no responsibility: {line}"));
            }
            for module in modules {
                if layers.iter().any(|layer| layer.module == module) {
                    return Err(format!("`{module}` stands in two places"));
                }
                let may = grants(may)?;
                layers.push(Layer { module, may });
            }
        }
        if layers.is_empty() {
            return Err("the table is empty".to_string());
        }
        Ok(Table { layers })
    }

    pub fn height(&self, module: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.module == module)
    }

    pub fn allows(&self, module: &str, what: &str) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.module == module && layer.may.iter().any(|word| word == what))
    }
}
