/** Which names LIST and LSUB show, and with which attributes. Pure: folders and subscriptions in, entries out. */
import { ancestorsOf, type Folder } from '../../messages/folders.ts'
import { attributeOf } from './special-uses.ts'
import type { CommandOf } from './syntax/commands.ts'
import { compileListPattern } from './syntax/list-pattern.ts'

export type ListedFolder = Pick<Folder, 'path' | 'special_use' | 'subscribed'>

export type ListEntry<F extends ListedFolder> = {
  path: string
  /** null for a name that has folders below it or is subscribed, and is no folder itself. */
  folder: F | null
  attributes: string[]
  /** The selection options that something below the name meets; empty without RECURSIVEMATCH (RFC 5258 §3.5). */
  childInfo: string[]
}

type ListQuery = Pick<CommandOf<'LIST'>, 'extended' | 'select' | 'reference' | 'patterns' | 'returns'>

type Name<F extends ListedFolder> = { path: string; folder: F | null; subscribed: boolean }

/**
 * @param folders in the order of their paths, which is that of the entries.
 * @param lostSubscriptions names that are subscribed and have no folder.
 */
export function selectEntries<F extends ListedFolder>(
  folders: readonly F[],
  lostSubscriptions: readonly string[],
  query: ListQuery,
): ListEntry<F>[] {
  const { select, returns } = query
  const parents = levelsAbove(folders)
  const lost = lostSubscriptions.map((path) => ({ path }))
  const names = allNames(
    folders,
    lostSubscriptions,
    select.recursiveMatch ? levelsAbove(folders, lost) : parents,
  )
  const matches = matcherOf(query.reference, patternsOf(query))
  const shown = new Set(names.filter(({ path }) => matches(path)).map(({ path }) => path))
  const selected = names.filter((name) => isSelectedBy(name, select, parents))
  const paths = new Set(selected.map(({ path }) => path))
  // §3.5: a name that is there only for what is below it is left out where all of that is shown.
  const hidden = selected.filter(({ path }) => !shown.has(path))
  const aboveHidden = select.recursiveMatch ? levelsAbove(hidden) : new Set<string>()
  const aboveSelected = select.recursiveMatch ? levelsAbove(selected) : new Set<string>()
  return names
    .filter(({ path }) => shown.has(path) && (paths.has(path) || aboveHidden.has(path)))
    .map(({ path, folder, subscribed }) => ({
      path,
      folder,
      attributes: [
        ...(folder === null ? [...(query.extended ? ['\\NonExistent'] : []), '\\Noselect'] : []),
        parents.has(path) ? '\\HasChildren' : '\\HasNoChildren',
        ...(subscribed && (select.subscribed || returns.subscribed) ? ['\\Subscribed'] : []),
        ...specialUsesOf(folder),
      ],
      childInfo: aboveSelected.has(path) ? criteriaOf(select) : [],
    }))
}

/**
 * RFC 3501 §6.3.9: where the pattern ends in %, a level above a subscribed name is shown in its place with \Noselect,
 * which means there that the name itself is not subscribed.
 */
export function subscribedEntries<F extends ListedFolder>(
  folders: readonly F[],
  lostSubscriptions: readonly string[],
  query: Pick<CommandOf<'LSUB'>, 'reference' | 'pattern'>,
): ListEntry<F>[] {
  const subscribed = folders.filter((folder) => folder.subscribed)
  const matches = matcherOf(query.reference, [query.pattern])
  const lost = lostSubscriptions.map((path) => ({ path }))
  const above = query.pattern.endsWith('%') ? levelsAbove(subscribed, lost) : new Set<string>()
  return allNames(subscribed, lostSubscriptions, above)
    .filter(({ path }) => matches(path))
    .map(({ path, folder, subscribed: isSubscribed }) => ({
      path,
      folder,
      attributes: folder !== null ? [] : [isSubscribed ? '\\NonExistent' : '\\Noselect'],
      childInfo: [],
    }))
}

/** RFC 9051 §6.3.9: in the extended syntax an empty pattern matches nothing, also behind a reference. */
function patternsOf({ extended, patterns }: ListQuery): readonly string[] {
  return extended ? patterns.filter((pattern) => pattern !== '') : patterns
}

/** Without a selection, names that do not exist are shown only as levels above others (RFC 5258 §3). */
function isSelectedBy(
  { path, folder, subscribed }: Name<ListedFolder>,
  select: ListQuery['select'],
  parents: ReadonlySet<string>,
): boolean {
  if (select.subscribed && !subscribed) return false
  if (select.specialUse) return specialUsesOf(folder).length > 0
  return select.subscribed || folder !== null || parents.has(path)
}

function criteriaOf({ subscribed, specialUse }: ListQuery['select']): string[] {
  return [...(subscribed ? ['SUBSCRIBED'] : []), ...(specialUse ? ['SPECIAL-USE'] : [])]
}

function specialUsesOf(folder: ListedFolder | null): string[] {
  const use = attributeOf(folder?.special_use ?? null)
  return use === null ? [] : [use]
}

function matcherOf(reference: string, patterns: readonly string[]): (path: string) => boolean {
  const matchers = patterns.map((pattern) =>
    compileListPattern(reference.normalize('NFC'), pattern.normalize('NFC')),
  )
  return (path) => matchers.some((matches) => matches(path))
}

function levelsAbove(...lists: (readonly { path: string }[])[]): Set<string> {
  return new Set(lists.flatMap((names) => names.flatMap(({ path }) => ancestorsOf(path))))
}

/** The folders, the subscribed names without one and the levels that are neither, in the order of their paths. */
function allNames<F extends ListedFolder>(
  folders: readonly F[],
  lostSubscriptions: readonly string[],
  levels: ReadonlySet<string>,
): Name<F>[] {
  const known = new Set([...folders.map(({ path }) => path), ...lostSubscriptions])
  const missing = [...levels].filter((path) => !known.has(path))
  const names = folders.map((folder) => ({ path: folder.path, folder, subscribed: folder.subscribed }))
  const others = [
    ...lostSubscriptions.map((path) => ({ path, folder: null, subscribed: true })),
    ...missing.map((path) => ({ path, folder: null, subscribed: false })),
  ]
  return others.length === 0 ? names : [...names, ...others].sort((a, b) => (a.path < b.path ? -1 : 1))
}
