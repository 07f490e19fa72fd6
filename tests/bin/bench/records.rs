//! The records that are measured, and the source that serves them.
//!
//! Record number N is the same every time, and has a person, a text and a place of its own: with equal ones,
//! linking demands would look slow or fast. All programs that are compared read the same pages over HTTP, as
//! JSON or as XML in GBK. Records are made before a run begins, so that runs do not measure their making.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use contract::Timestamp;
use gateway::clock::now;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
    time::timeout,
};

use crate::process::LIMIT;

/// The number of records in a page.
pub(crate) const PAGE_ROWS: u64 = 1_000;
/// The size of a text is from here ...
const MIN_TEXT: u64 = 900;
/// ... to here, in bytes of UTF-8.
const MAX_TEXT: u64 = 1_050;

/// A complaint to a city, as an interface would offer it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    title: String,
    content: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created_time: String,
    updated_time: String,
    area_code: &'static str,
    address: String,
    reporter_name: String,
    reporter_phone: String,
    status: &'static str,
}

/// The key of record number `n`.
pub(crate) fn key(n: u64) -> String {
    format!("W{n:010}")
}

/// The number of the record with this key.
pub(crate) fn number(key: &str) -> Option<u64> {
    key.strip_prefix('W')?.parse().ok()
}

const KINDS: &[&str] = &["咨询", "建议", "投诉", "求助", "举报", "表扬"];
const STATES: &[&str] = &["SUBMITTED", "ACCEPTED", "PROCESSING", "FINISHED"];
const AREAS: &[(&str, &str)] = &[
    ("340202", "镜湖区"),
    ("340207", "鸠江区"),
    ("340209", "弋江区"),
    ("340210", "湾沚区"),
    ("340212", "繁昌区"),
    ("340223", "南陵县"),
    ("340281", "无为市"),
];
const SURNAMES: &str =
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕";
/// 128 characters for given names and roads.
const CHARACTERS: &str = concat!(
    "安宝北斌冰波博才昌超晨成承春翠达大丹德迪东栋恩方芳飞风峰福刚高光广贵国海涵浩和恒红宏华",
    "欢辉慧吉佳建健江杰金锦静军君俊凯康可兰乐力立丽良林玲龙美敏明宁平萍其奇琪强青清庆秋泉仁荣",
    "瑞若山善尚胜诗石书淑树思松泰天庭婷伟文武希熙祥晓新兴秀旭雪雅艳阳瑶一怡雨月云泽志忠"
);
const PROBLEMS: &[&str] = &[
    "路灯不亮",
    "积水很深",
    "噪声扰民",
    "垃圾未清运",
    "电梯停运",
    "占道经营",
    "井盖破损",
    "停车混乱",
    "燃气停供",
    "工地扬尘",
    "绿化枯死",
    "公交晚点",
];
/// `#` becomes a number, `@` a road.
const CLAUSES: &[&str] = &[
    "夜里#点以后仍能听到机器的声音，#号楼的住户都睡不好。",
    "从@路口到小区东门约#米，老人和孩子每天都要绕行。",
    "物业在#号答复说正在协调，到现在已经过去#天，没有人来处理。",
    "附近的@社区也有同样的情况，前后有#户居民反映过。",
    "上次报修的单号是#，维修人员只看了看就走了。",
    "下雨的时候水深超过#厘米，车库里的#辆车都被泡过。",
    "请有关部门派人到@路#号现场查看，并告知处理的期限。",
    "我们在业主群里统计过，受影响的一共有#户，其中#户家里有病人。",
    "这个问题在今年#月就出现过，当时修好之后只管用了#天。",
    "施工单位的围挡占用了@路的人行道，宽度不足#厘米。",
    "希望在本月#日以前解决，否则会影响孩子上学。",
    "拨打过物业电话#次，前台每次的说法都不一样。",
];

/// A generator of numbers: the same ones for the same record.
struct Numbers(u64);

impl Numbers {
    /// A number below `end` (SplitMix64).
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end.max(1)
    }
}

/// The `n`th of these, and again from the first one after the last.
fn nth<T: Copy>(all: &[T], n: u64) -> Option<T> {
    let n = usize::try_from(n).ok()?.checked_rem(all.len())?;
    all.get(n).copied()
}

/// The characters of names, to take some by number.
struct Characters {
    surnames: Vec<char>,
    others: Vec<char>,
}

impl Characters {
    fn new() -> Self {
        Self { surnames: SURNAMES.chars().collect(), others: CHARACTERS.chars().collect() }
    }

    /// Two characters, different ones for each `n` below the square of their number.
    fn two(&self, n: u64) -> String {
        let count = self.others.len() as u64;
        [nth(&self.others, n), nth(&self.others, n / count.max(1))].into_iter().flatten().collect()
    }

    /// A name, a different one for each `n` below half a million.
    fn name(&self, n: u64) -> String {
        let count = self.surnames.len() as u64;
        nth(&self.surnames, n).into_iter().chain(self.two(n / count.max(1)).chars()).collect()
    }
}

impl Record {
    fn new(n: u64, characters: &Characters) -> Self {
        let mut numbers = Numbers(n);
        // Odd and without the factor 5, so that each record below 10^8 has a number of its own.
        let phone = format!("13{}{:08}", n % 10, n.wrapping_mul(7_919_773) % 100_000_000);
        let name = characters.name(n);
        let (area_code, area) = nth(AREAS, n).unwrap_or_default();
        let (road, house) = (characters.two(n), n / 16_384 + 1);
        let (flat, floor) = (numbers.below(30) + 1, numbers.below(18) + 1);
        let address = format!("芜湖市{area}{road}路{house}号{flat}栋{floor}02室");
        let problem = nth(PROBLEMS, numbers.below(1_000)).unwrap_or_default();
        let title = format!("反映{area}{road}路{house}号{problem}");
        let mut content = match n % 3 {
            0 => format!("来电人{name}，联系电话{phone}，"),
            _ => String::from("市民"),
        };
        content.push_str(&format!("反映{road}路{house}号{flat}栋{problem}。"));
        let size = MIN_TEXT + n % (MAX_TEXT - MIN_TEXT);
        while (content.len() as u64) < size {
            for c in nth(CLAUSES, numbers.below(1_000)).unwrap_or_default().chars() {
                match c {
                    '#' => content.push_str(&numbers.below(1_000).to_string()),
                    '@' => content.push_str(&characters.two(numbers.below(16_384))),
                    c => content.push(c),
                }
            }
        }
        while content.len() as u64 > MAX_TEXT {
            content.pop();
        }
        let (day, second) = (n % 28 + 1, n % 86_400);
        let time = |hours: u64| {
            let (h, m, s) = ((second / 3_600 + hours) % 24, second / 60 % 60, second % 60);
            format!("2026-{:02}-{day:02} {h:02}:{m:02}:{s:02}", n / 28 % 9 + 1)
        };
        Self {
            id: key(n),
            title,
            content,
            kind: nth(KINDS, n).unwrap_or_default(),
            created_time: time(0),
            updated_time: time(0),
            area_code,
            address,
            reporter_name: name,
            reporter_phone: phone,
            status: nth(STATES, n).unwrap_or_default(),
        }
    }

    /// As an XML element in GBK. No value has a character that XML must escape.
    fn gbk(&self) -> Vec<u8> {
        let fields = [
            ("id", self.id.as_str()),
            ("title", &self.title),
            ("content", &self.content),
            ("type", self.kind),
            ("createdTime", &self.created_time),
            ("updatedTime", &self.updated_time),
            ("areaCode", self.area_code),
            ("address", &self.address),
            ("reporterName", &self.reporter_name),
            ("reporterPhone", &self.reporter_phone),
            ("status", self.status),
        ];
        let fields = fields.map(|(name, value)| format!("<{name}>{value}</{name}>"));
        let row = format!("<row>{}</row>", fields.concat());
        encoding_rs::GBK.encode(&row).0.into_owned()
    }
}

/// Records that were made in advance.
struct Made {
    first: u64,
    json: Vec<Vec<u8>>,
    gbk: Vec<Vec<u8>>,
}

impl Made {
    fn new(first: u64, end: u64) -> Self {
        let characters = Characters::new();
        let records: Vec<_> = (first..end).map(|n| Record::new(n, &characters)).collect();
        let json = records.iter().map(|record| serde_json::to_vec(record).unwrap_or_default());
        Self { first, json: json.collect(), gbk: records.iter().map(Record::gbk).collect() }
    }

    /// The records from `from` to `end`; those that were not made in advance are made now.
    fn page(&self, from: u64, end: u64, xml: bool) -> Vec<Vec<u8>> {
        let made = if xml { &self.gbk } else { &self.json };
        let index = |n: u64| usize::try_from(n.checked_sub(self.first)?).ok();
        let range = index(from).zip(index(end)).and_then(|(from, end)| made.get(from..end));
        range.map_or_else(
            || {
                let Self { json, gbk, .. } = Self::new(from, end);
                if xml { gbk } else { json }
            },
            <[Vec<u8>]>::to_vec,
        )
    }
}

/// The source: `/json?after=KEY` and `/xml?after=KEY` answer with the page of records after this key, or with
/// the first page. In JSON, `next` is the key for the next page, or null.
pub(crate) struct Pages {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    made: Mutex<Arc<Made>>,
    /// How many records the source has at this time.
    available: AtomicU64,
    first_request: Mutex<Option<Instant>>,
    n_requests: AtomicU64,
    /// Notified at each request.
    requested: Notify,
    /// When each record up to this number was served first.
    served: Mutex<Vec<(u64, Timestamp)>>,
}

impl Pages {
    /// Starts a server with the first `count` records.
    pub(crate) async fn open(count: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            made: Mutex::new(Arc::new(Made::new(0, count))),
            available: AtomicU64::new(count),
            first_request: Mutex::default(),
            n_requests: AtomicU64::default(),
            requested: Notify::default(),
            served: Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, _server: server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on, the source has so many records.
    pub(crate) fn set_available(&self, count: u64) {
        self.shared.available.store(count, Ordering::SeqCst);
    }

    /// Makes these records in advance, and forgets those that were made before.
    pub(crate) fn make(&self, first: u64, end: u64) {
        let made = Arc::new(Made::new(first, end));
        *lock(&self.shared.made) = made;
    }

    /// The page after the first `from` records.
    pub(crate) fn body(&self, from: u64, kind: &str) -> Vec<u8> {
        let after = from.checked_sub(1).map(key).map(|key| format!("?after={key}"));
        self.shared.answer(&format!("GET /{kind}{} HTTP/1.1", after.unwrap_or_default())).1
    }

    /// The time of the first request after the last call.
    pub(crate) fn take_first_request(&self) -> Option<Instant> {
        lock(&self.shared.first_request).take()
    }

    /// Waits for so many more requests.
    ///
    /// # Errors
    /// They do not come within [`LIMIT`].
    pub(crate) async fn wait_for_requests(&self, count: u64) -> anyhow::Result<()> {
        let n_requests = || self.shared.n_requests.load(Ordering::SeqCst);
        let before = n_requests();
        let wait = async {
            while n_requests() - before < count {
                self.shared.requested.notified().await;
            }
        };
        let came = timeout(LIMIT, wait).await;
        came.map_err(|_| anyhow::anyhow!("of {count} requests, {} came", n_requests() - before))
    }

    /// When the records were served first after the last call: each pair is the number after the last record
    /// of a page, and the time; the numbers grow.
    pub(crate) fn take_served(&self) -> Vec<(u64, Timestamp)> {
        std::mem::take(&mut lock(&self.shared.served))
    }
}

impl Shared {
    /// The content type and the body for a request line.
    fn answer(&self, request: &str) -> (&'static str, Vec<u8>) {
        lock(&self.first_request).get_or_insert_with(Instant::now);
        self.n_requests.fetch_add(1, Ordering::SeqCst);
        self.requested.notify_one();
        let after = request.split("after=").nth(1).and_then(|rest| rest.split([' ', '&']).next());
        let from = after.and_then(number).map_or(0, |n| n + 1);
        let available = self.available.load(Ordering::SeqCst);
        let end = (from + PAGE_ROWS).min(available);
        let xml = request.contains("/xml");
        let made = Arc::clone(&lock(&self.made));
        let rows = if from < end { made.page(from, end, xml) } else { Vec::new() };
        let mut served = lock(&self.served);
        if served.last().is_none_or(|(last, _)| *last < end) {
            served.push((end, now()));
        }
        drop(served);
        if xml {
            let (head, tail) =
                (&b"<?xml version=\"1.0\" encoding=\"GBK\"?>\n<list>"[..], &b"</list>"[..]);
            return ("text/xml; charset=GBK", [head, rows.concat().as_slice(), tail].concat());
        }
        let next = match from < end && end < available {
            true => format!("\"{}\"", key(end - 1)),
            false => "null".to_owned(),
        };
        let tail = format!("],\"next\":{next}}}");
        let body = [&b"{\"rows\":["[..], rows.join(&b',').as_slice(), tail.as_bytes()].concat();
        ("application/json", body)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut peers = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        peers.spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Answers requests on a connection: HTTP/1.1 with a request line and headers, without a body.
async fn serve(stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while stream.read_line(&mut request).await? > 0 {
        let mut header = String::new();
        while stream.read_line(&mut header).await? > 2 {
            header.clear();
        }
        let (content_type, body) = shared.answer(&request);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        request.clear();
    }
    Ok(())
}

/// Locks a value that no panic leaves half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
