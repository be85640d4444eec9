/** Which folders LIST and LSUB show, and with which attributes. Pure: folders in, entries out. */
import { ancestorsOf, type Folder } from '../../messages/folders.ts'
import { attributeOf } from './special-uses.ts'
import type { CommandOf } from './syntax/commands.ts'
import { compileListPattern } from './syntax/list-pattern.ts'

export type ListedFolder = Pick<Folder, 'path' | 'special_use' | 'subscribed'>

export type ListEntry<F extends ListedFolder> = {
  path: string
  /** null for a level that has folders below it and is none itself. */
  folder: F | null
  attributes: string[]
  /** RFC 5258 §3.5: something below it is subscribed. */
  childInfo: boolean
}

type ListQuery = Pick<CommandOf<'LIST'>, 'extended' | 'select' | 'reference' | 'patterns' | 'returns'>

/** @param folders in the order of their paths, which is that of the entries. */
export function selectEntries<F extends ListedFolder>(
  folders: readonly F[],
  query: ListQuery,
): ListEntry<F>[] {
  const { select, returns } = query
  const parents = levelsAbove(folders)
  const parentsOfSelected = levelsAbove(folders.filter((folder) => isSelectedBy(folder, select)))
  const matches = matcherOf(query.reference, query.patterns)
  const entries: ListEntry<F>[] = []
  for (const { path, folder } of withMissingLevels(folders, parents)) {
    const selected = folder === null ? selectsAll(select) : isSelectedBy(folder, select)
    const below = select.recursiveMatch && parentsOfSelected.has(path)
    if (!(selected || below) || !matches(path)) continue
    const attributes = [parents.has(path) ? '\\HasChildren' : '\\HasNoChildren']
    if (folder === null) attributes.unshift(...(query.extended ? ['\\NonExistent'] : []), '\\Noselect')
    if (folder?.subscribed && (select.subscribed || returns.subscribed)) attributes.push('\\Subscribed')
    const use = attributeOf(folder?.special_use ?? null)
    if (use !== null) attributes.push(use)
    entries.push({ path, folder, attributes, childInfo: below && select.subscribed })
  }
  return entries
}

/** RFC 3501 §6.3.9: where the pattern ends in %, a level above a subscribed folder is shown in its place. */
export function subscribedEntries<F extends ListedFolder>(
  folders: readonly F[],
  query: Pick<CommandOf<'LSUB'>, 'reference' | 'pattern'>,
): ListEntry<F>[] {
  const subscribed = folders.filter((folder) => folder.subscribed)
  const matches = matcherOf(query.reference, [query.pattern])
  const above = query.pattern.endsWith('%') ? levelsAbove(subscribed) : new Set<string>()
  return withMissingLevels(subscribed, above)
    .filter(({ path }) => matches(path))
    .map(({ path, folder }) => ({
      path,
      folder,
      attributes: folder === null ? ['\\Noselect'] : [],
      childInfo: false,
    }))
}

function selectsAll(select: ListQuery['select']): boolean {
  return !select.subscribed && !select.specialUse
}

function isSelectedBy(folder: ListedFolder, select: ListQuery['select']): boolean {
  if (select.subscribed && !folder.subscribed) return false
  return !select.specialUse || attributeOf(folder.special_use) !== null
}

function matcherOf(reference: string, patterns: readonly string[]): (path: string) => boolean {
  const matchers = patterns.map((pattern) =>
    compileListPattern(reference.normalize('NFC'), pattern.normalize('NFC')),
  )
  return (path) => matchers.some((matches) => matches(path))
}

function levelsAbove(folders: readonly ListedFolder[]): Set<string> {
  return new Set(folders.flatMap((folder) => ancestorsOf(folder.path)))
}

/** The folders and the levels that are none, in the order of their paths. */
function withMissingLevels<F extends ListedFolder>(
  folders: readonly F[],
  levels: ReadonlySet<string>,
): { path: string; folder: F | null }[] {
  const existing = new Set(folders.map((folder) => folder.path))
  const missing = [...levels].filter((path) => !existing.has(path))
  const all = [
    ...folders.map((folder) => ({ path: folder.path, folder })),
    ...missing.map((path) => ({ path, folder: null })),
  ]
  return missing.length === 0 ? all : all.sort((a, b) => (a.path < b.path ? -1 : 1))
}
