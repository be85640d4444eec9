/** Names that the signs are about: short lists on purpose, of what is seen most. */

/** Where anyone has a mailbox within a minute. */
export const freemailDomains: ReadonlySet<string> = new Set([
  '163.com',
  'aol.com',
  'gmail.com',
  'gmx.com',
  'gmx.de',
  'gmx.net',
  'googlemail.com',
  'hotmail.com',
  'icloud.com',
  'live.com',
  'mail.com',
  'mail.ru',
  'outlook.com',
  'proton.me',
  'protonmail.com',
  'qq.com',
  'tutanota.com',
  'web.de',
  'yahoo.com',
  'yandex.com',
  'yandex.ru',
  'zoho.com',
])

/** Hosts whose links say nothing of where they lead. */
export const shortenerHosts: ReadonlySet<string> = new Set([
  'bit.ly',
  'buff.ly',
  'cutt.ly',
  'goo.gl',
  'is.gd',
  'ow.ly',
  'rb.gy',
  'rebrand.ly',
  's.id',
  'shorturl.at',
  't.ly',
  'tiny.cc',
  'tinyurl.com',
  'v.gd',
])

/** Extensions of files that Windows, macOS or a browser runs when they are opened. */
export const executableExtensions: ReadonlySet<string> = new Set(
  'ade adp apk app bat chm cmd com cpl dll dmg exe gadget hta img ins iso isp jar js jse lib lnk mde msc msi msp mst pif pkg ps1 reg scr sct shb sys url vb vbe vbs vhd vhdx wsc wsf wsh xll'.split(
    ' ',
  ),
)

/** Extensions that people take for harmless: in front of an executable one they are a disguise. */
export const documentExtensions: ReadonlySet<string> = new Set(
  'avi csv doc docx gif htm html jpeg jpg mov mp3 mp4 pdf png ppt pptx rtf txt xls xlsx zip'.split(' '),
)
