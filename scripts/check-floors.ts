/**
 * Checks the import rules of the house over the whole repository (scripts/floors.ts has the rules).
 * Prints one line for each broken rule, `file:line imports X: reason`, and then ends with code 1.
 */

import { checkFloors } from './floors.ts'
import { readSources } from './sources.ts'

const sources = await readSources(['src', 'test', 'bench', 'scripts'])
const violations = checkFloors(sources)
for (const { file, line, imported, reason } of violations) {
  console.log(`${file}:${line} imports ${imported}: ${reason}`)
}
console.log(`${sources.size} files, ${violations.length} broken import rules`)
process.exitCode = violations.length === 0 ? 0 : 1
