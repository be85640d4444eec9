/** Links of a message that do something for whoever opens them: confirm an address, sign in, set a password, unsubscribe. */
import { htmlToText } from '../mime/html-text.ts'
import { withoutHiddenElements } from './hidden-elements.ts'

export type LinkKind = 'verification' | 'sign_in' | 'password_reset' | 'unsubscribe'

export type FoundLink = {
  /** http or https; at most `urlCharsMax` long. */
  url: string
  kind: LinkKind
  /** What a person reads on it or before it; null: nothing. */
  text: string | null
  foundIn: 'text' | 'html'
}

const linksMax = 20
/** Links that are looked at, of the HTML and of the text. */
const examinedMax = 500
const urlCharsMax = 4096
const tagCharsMax = 8192
const labelCharsMax = 200

/** Those that a person sees, in the order of the message, those of the HTML first; a URL comes once. */
export function findLinks({ text, html }: { text: string | null; html: string | null }): FoundLink[] {
  const found = new Map<string, FoundLink>()
  for (const [foundIn, candidates] of [
    ['html', html === null ? [] : linksOfHtml(withoutHiddenElements(html).html)],
    ['text', text === null ? [] : linksOfText(text)],
  ] as const) {
    for (const { href, label } of candidates) {
      const url = webAddress(href)
      if (url === null || found.has(url.href)) continue
      const kind = kindOf(url, label)
      if (kind !== null)
        found.set(url.href, { url: url.href, kind, text: label === '' ? null : label, foundIn })
      if (found.size >= linksMax) break
    }
  }
  return [...found.values()].slice(0, linksMax)
}

type Candidate = { href: string; label: string }

const anchorStart = /<a(?=[\s/])/gi
const hrefPattern = /[\s"'/]href\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s>"']+))/i

function* linksOfHtml(html: string): Generator<Candidate, void> {
  let count = 0
  for (const { index } of html.matchAll(anchorStart)) {
    if (++count > examinedMax) return
    const rest = html.slice(index, index + tagCharsMax)
    const tag = /^<a(?:[^>"']|"[^"]*"|'[^']*')*>/i.exec(rest)?.[0]
    const href = tag === undefined ? null : hrefPattern.exec(tag)
    if (tag === undefined || href === null) continue
    const content = rest.slice(tag.length)
    const end = content.search(/<\/a(?=[\s>])/i)
    const shown = end === -1 ? content.slice(0, labelCharsMax) : content.slice(0, end)
    yield { href: plainText(href[1] ?? href[2] ?? href[3] ?? ''), label: labelOf(shown) }
  }
}

/** What is on a link: its text, or what stands for its picture. */
function labelOf(html: string): string {
  const text = plainText(html).slice(0, labelCharsMax).toWellFormed()
  if (text !== '') return text
  return plainText(/\balt\s{0,9}=\s{0,9}["']([^"']{1,200})["']/i.exec(html)?.[1] ?? '')
}

function plainText(html: string): string {
  return htmlToText(html, { quotes: true }).replace(/\s+/g, ' ').trim()
}

const urlPattern = /https?:\/\/[^\s<>"'「」【】（）]+/gi

function* linksOfText(text: string): Generator<Candidate, void> {
  let count = 0
  let last = 0
  for (const { 0: url, index } of text.matchAll(urlPattern)) {
    if (++count > examinedMax) return
    const before = text.slice(Math.max(last, index - labelCharsMax), index)
    yield { href: url.replace(/[.,;:!?)\]}*]+$/, ''), label: lineBefore(before) }
    last = index + url.length
  }
}

/** The words before a URL: on its line, else on the last line before that has any. */
function lineBefore(text: string): string {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/\s+/g, ' ')
      .replace(/[<([*]+\s*$/, '')
      .trim(),
  )
  return lines.findLast((line) => /[\p{L}\p{N}]/u.test(line)) ?? ''
}

function webAddress(href: string): URL | null {
  if (href.length > urlCharsMax || !/^https?:\/\//i.test(href)) return null
  return URL.parse(href)
}

/** By what is read on a link. The first that fits. */
const labels: readonly [LinkKind, RegExp][] = [
  [
    'unsubscribe',
    /unsubscrib|opt[- ]?out|email preferences|abmeld|abbestell|austrag|désabonn|desabonn|désinscri|darse de baja|cancelar (?:la )?suscripci|cancelar (?:a )?inscri|descadastr|disiscri|annulla l'iscrizione|uitschrijv|afmelden|wypisz|rezygnuj|отписат|配信停止|購読解除|退订|退訂|取消订阅|取消訂閱|수신 ?거부|구독 ?취소|avregistrer|avslutt abonnement|afmeld/i,
  ],
  [
    'password_reset',
    /(?:reset|chang|recover|forgot|creat|choos|set)\w* (?:up )?(?:your |a |my |the |new |it|account )*(?:pass(?:word|code)|account)|passwor[dt]\w* (?:zurück|ändern|neu|reset)|kennwort|réinitialis|nouveau mot de passe|restablec|cambiar (?:la )?contraseña|redefinir|recuperar|reimposta|reimpost|wachtwoord|zresetuj|zmień hasło|сброс|восстанов|сменить пароль|パスワード.{0,8}(?:再設定|リセット|変更)|重置密码|重設密碼|重置密碼|비밀번호 ?(?:재설정|변경)/i,
  ],
  [
    'sign_in',
    /magic link|(?:sign|log)(?:g?ing)?[- ]?in\b|sign me in|log me in|anmelden|einloggen|se connecter|connexion|iniciar sesi|acceder|entrar|accedi|inloggen|aanmelden|zaloguj|войти|ログイン|サインイン|登录|登入|로그인|logga in|logg inn/i,
  ],
  [
    'verification',
    /verif|confirm|activat|validat|authenti|accept (?:the |your )?invit|complete (?:your )?(?:registration|sign)|bestätig|aktivier|registrierung abschließen|vérifi|valider|activer|attiva|ativar|activar|valida|bevestig|activeer|potwierd|weryfik|aktywuj|подтверд|активир|確認|認証|验证|驗證|确认|確認|激活|인증|확인|bekräft|bekreft|bekræft|doğrula|onayla/i,
  ],
]

/** By its path and its query. */
const addresses: readonly [LinkKind, RegExp][] = [
  ['unsubscribe', /unsub|opt-?out|list-manage|abmelden|desinscri|preferences\/email/i],
  [
    'password_reset',
    /(?:reset|forgot|recover|new|change)[-_/]?(?:your[-_])?passw|passw\w*[-_/](?:reset|recover|change)|pwreset/i,
  ],
  [
    'sign_in',
    /magic|passwordless|(?:sign|log)-?_?in(?:\/|\?|=|-|_)|\/auth\/(?:email|callback|token|verify)/i,
  ],
  ['verification', /verif|confirm|activat|validat|email[-_]?auth/i],
]

/** A link that does something knows for whom: it has a long token somewhere. */
const token =
  /(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{12,}|[A-Za-z0-9]{20,}|[?&](?:token|code|key|t|k|otp|ticket|hash|sig|id|uid|oobCode)=/

function kindOf(url: URL, label: string): LinkKind | null {
  const place = url.pathname + url.search
  const hasToken = token.test(place)
  const byAddress = addresses.find(([, pattern]) => pattern.test(place))?.[0] ?? null
  const byLabel = labels.find(([, pattern]) => pattern.test(label))?.[0] ?? null
  if (byLabel === 'unsubscribe' || byAddress === 'unsubscribe') return 'unsubscribe'
  // The front page of a site is nobody's own link, whatever stands on it.
  if (!hasToken) return null
  return byLabel ?? byAddress
}
