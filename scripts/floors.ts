/**
 * The import rules of the house (DESIGN.md section 3). Imports point down the list of floors, faces do not
 * know each other, the core knows no HTTP and no wire protocol, and no file reaches itself through its
 * imports. Type-only imports count like any other: a type from above is knowledge of what is above.
 */
import { dirname, join, normalize } from 'node:path/posix'
import { type Import, readImports } from './imports.ts'

/** One broken rule. `file` is relative to the root of the repository, `imported` as it stands in the source. */
export type Violation = { file: string; line: number; imported: string; reason: string }

/** From the lowest to the highest. Folders of one row stand beside each other and may not import each other. */
const floors: readonly (readonly string[])[] = [
  ['platform'],
  ['accounts'],
  ['billing'],
  ['domains'],
  ['mailboxes'],
  ['messages'],
  ['delivery'],
  ['webhooks', 'sequencers'],
  ['protocols', 'api', 'dialects', 'mcp'],
]
const topFloor = floors.length // files at the top of src/: server.ts, open-platform.ts, migrations.ts
const cliFloor = topFloor + 1 // src/cli/: the commands of the command line
const mainFloor = cliFloor + 1 // src/main.ts

/** In these folders each sub-folder is a face of its own; a file directly in them is shared by those faces. */
const foldersOfFaces = new Set(['protocols', 'dialects'])

const coreFolders = new Set(floors.slice(1, -1).flat())

/** Folders of the core that talk HTTP to the outside world, or stand in for it in tests. */
const httpClients = [
  'src/billing/payments/',
  'src/delivery/spam/rspamd/',
  'src/domains/registrars/',
  'src/domains/dns-hosts/',
  'src/domains/certificates/',
  'src/webhooks/',
]
const httpModules = new Set(['http', 'https', 'http2', 'node:http', 'node:https', 'node:http2'])

/** Where a file stands. `place` is what may not be mixed within a floor: `api`, `protocols/imap`, ... */
type Position =
  | { kind: 'house'; floor: number; place: string }
  | { kind: 'testing' } // src/testing/: helpers of tests
  | { kind: 'workshop' } // test/, bench/, scripts/: outside the house, may import all of it
  | { kind: 'outside' } // anything else in the repository
  | { kind: 'unknown-folder'; folder: string }

/** Every broken rule in a tree, given as source text by path relative to the root of the repository. */
export function checkFloors(sources: ReadonlyMap<string, string>): Violation[] {
  const violations: Violation[] = []
  const graph = new Map<string, Edge[]>()
  for (const [file, source] of sources) {
    const edges: Edge[] = []
    for (const found of readImports(source)) {
      const target = found.specifier === null ? null : resolve(file, found.specifier)
      const reason = reasonAgainst(file, found, target)
      const imported = found.specifier ?? 'something computed'
      if (reason) violations.push({ file, line: found.line, imported, reason })
      if (target !== null && sources.has(target)) edges.push({ target, line: found.line, imported })
    }
    graph.set(file, edges)
  }
  return [...violations, ...cycles(graph)].sort((a, b) => compareText(a.file, b.file) || a.line - b.line)
}

/** The path that a relative specifier names, or null for a package. */
function resolve(file: string, specifier: string): string | null {
  return specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : null
}

function reasonAgainst(file: string, found: Import, target: string | null): string | null {
  const from = positionOf(file)
  if (from.kind === 'unknown-folder') {
    return `src/${from.folder}/ has no floor: DESIGN.md section 3 lists the folders`
  }
  if (found.specifier === null) {
    return from.kind === 'house'
      ? 'the argument of import() must be a plain string, or no check can follow it'
      : null
  }
  if (target === null) return packageReason(file, from, found.specifier)
  return fileReason(file, from, target)
}

/** Core folders know no HTTP and no wire protocol. */
function packageReason(file: string, from: Position, name: string): string | null {
  if (from.kind !== 'house' || !coreFolders.has(from.place)) return null
  if (name === 'fastify' || name.startsWith('@fastify/'))
    return 'the core knows no HTTP; this belongs in a face'
  if (name === 'smtp-server') return 'the core knows no wire protocol; this belongs in src/protocols/'
  const speaksHttp = httpClients.some((folder) => file.startsWith(folder))
  return httpModules.has(name) && !speaksHttp
    ? 'the core knows no HTTP; this belongs in a face or a driver'
    : null
}

function fileReason(file: string, from: Position, target: string): string | null {
  const to = positionOf(target)
  if (isTest(target)) return 'a test is not for others; move what is shared to src/testing/'
  if (from.kind === 'workshop') {
    const isScript = file.startsWith('scripts/')
    return to.kind === 'testing' && isScript && !isTest(file)
      ? 'src/testing/ is for tests and benchmarks'
      : null
  }
  switch (to.kind) {
    case 'unknown-folder':
      return `src/${to.folder}/ has no floor: DESIGN.md section 3 lists the folders`
    case 'testing':
      return from.kind === 'testing' || isTest(file) ? null : 'src/testing/ is for tests and benchmarks'
    case 'workshop':
    case 'outside':
      return target === 'package.json' || from.kind !== 'house'
        ? null
        : 'src/ stands alone: it imports nothing outside itself'
    case 'house':
      return from.kind === 'house' ? houseReason(file, from, target, to) : null
  }
}

type InHouse = Extract<Position, { kind: 'house' }>

function houseReason(file: string, from: InHouse, target: string, to: InHouse): string | null {
  if (target === 'src/migrations.ts' && !mayListMigrations(file)) {
    return 'the list of migrations is for open-platform.ts and tests'
  }
  if (to.floor > from.floor) return `imports never point up: ${to.place} is above ${from.place}`
  if (to.floor < from.floor || to.place === from.place) return null
  const isShared = foldersOfFaces.has(to.place) && from.place.startsWith(`${to.place}/`)
  if (isShared) return null
  return from.floor === floors.length - 1
    ? `faces do not import each other (${from.place}, ${to.place}); what is shared belongs in platform or a core folder`
    : `${from.place} and ${to.place} stand side by side and do not import each other`
}

function mayListMigrations(file: string): boolean {
  return file === 'src/open-platform.ts' || isTest(file)
}

function positionOf(file: string): Position {
  const [root, folder, face, ...deeper] = file.split('/')
  if (root === 'test' || root === 'bench' || root === 'scripts') return { kind: 'workshop' }
  if (root !== 'src' || folder === undefined) return { kind: 'outside' }
  if (folder === 'testing' && face !== undefined) return { kind: 'testing' }
  if (face === undefined) {
    const isMain = folder === 'main.ts' || folder === 'main.test.ts'
    return {
      kind: 'house',
      floor: isMain ? mainFloor : topFloor,
      place: isMain ? 'src/main.ts' : 'the top of src',
    }
  }
  if (folder === 'cli') return { kind: 'house', floor: cliFloor, place: 'cli' }
  const floor = floors.findIndex((row) => row.includes(folder))
  if (floor === -1) return { kind: 'unknown-folder', folder }
  const isFace = foldersOfFaces.has(folder) && deeper.length > 0
  return { kind: 'house', floor, place: isFace ? `${folder}/${face}` : folder }
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts')
}

type Edge = { target: string; line: number; imported: string }

/**
 * One violation for each knot of files that reach each other, with one way round spelled out. (Removing one
 * import of a knot may leave a smaller knot, which the next run reports.)
 */
function cycles(graph: ReadonlyMap<string, readonly Edge[]>): Violation[] {
  const violations: Violation[] = []
  const state = new Map<string, 'open' | 'done'>()
  const knotted = new Set<string>() // files of a cycle already reported
  const path: string[] = []

  const visit = (file: string): void => {
    state.set(file, 'open')
    path.push(file)
    for (const { target, line, imported } of graph.get(file) ?? []) {
      if (state.get(target) === undefined) visit(target)
      if (state.get(target) !== 'open') continue
      const ring = path.slice(path.indexOf(target))
      if (ring.some((member) => knotted.has(member))) continue
      for (const member of ring) knotted.add(member)
      violations.push({ file, line, imported, reason: `closes a cycle: ${[...ring, target].join(' -> ')}` })
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of [...graph.keys()].sort(compareText)) {
    if (state.get(file) === undefined) visit(file)
  }
  return violations
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
