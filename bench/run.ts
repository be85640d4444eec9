/** `npm run bench -- NAME …`: runs the named benchmarks one after the other, or all of them; one table each. */
import { api } from './api.ts'
import { dns } from './dns.ts'
import { idle } from './idle.ts'
import { imap } from './imap.ts'
import { inbound } from './inbound.ts'
import { large } from './large.ts'
import { memory } from './memory.ts'
import { outbound, queue } from './outbound.ts'
import { pages } from './pages.ts'
import { provision } from './provision.ts'
import { search } from './search.ts'
import { smtp } from './smtp.ts'
import { printTable, type Row } from './table.ts'

const benchmarks: Readonly<Record<string, () => Promise<Row[]>>> = {
  provision,
  smtp,
  inbound,
  memory,
  imap,
  idle,
  api,
  pages,
  large,
  search,
  outbound,
  queue,
  dns,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benchmarks))
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}: ${Object.keys(benchmarks).join(', ')}.\n`,
  )
  process.exit(2)
}
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  printTable(name, await benchmark())
}
