//! Rows that stand for nothing.

use cenote_base::Timestamp;
use cenote_store::params;
use cenote_store::records::decoys::{is_kept, keep};
use cenote_store::records::sessions::sweep;
use cenote_store::testing::{START, TestStore};

use crate::sample::{MILLISECOND, SECOND, pool_id};
use crate::{done, number, on_both_engines, winners};

on_both_engines! { there_is_one_for_each_name_until_it_ends, it_is_known_until_its_end }

async fn there_is_one_for_each_name_until_it_ends(store: TestStore) {
    let written = |n: usize| async move { keep(&pool_id(1), "a", vec![u8::try_from(n).unwrap()], START, START) };
    assert_eq!(winners(&store, 16, "never", written).await, 16);
    done(&store, keep(&pool_id(1), "a", vec![1; 512], START, START + SECOND)).await;
    done(&store, keep(&pool_id(1), "b", vec![2], START, START)).await;
    done(&store, keep(&pool_id(2), "a", vec![3], START, START)).await;
    assert_eq!(number(&store, "select count(*) from flow_states").await, 3);
    done(&store, sweep(START + SECOND, 10)).await;
    let left = store.read_one("select payload from flow_states", params![]).await.unwrap().unwrap();
    assert_eq!(left.bytes(0).unwrap(), [1; 512], "the last one counts");
}

async fn it_is_known_until_its_end(store: TestStore) {
    let known = async |pool: u32, name: &str, at: Timestamp| is_kept(&store, &pool_id(pool), name, at).await.unwrap();
    assert!(!known(1, "a", START).await);
    done(&store, keep(&pool_id(1), "a", vec![1], START, START + SECOND)).await;
    assert!(known(1, "a", START + SECOND - MILLISECOND).await);
    assert!(!known(1, "a", START + SECOND).await);
    assert!(!known(1, "b", START).await && !known(2, "a", START).await);
    done(&store, keep(&pool_id(1), "a", vec![1], START, START + 2 * SECOND)).await;
    assert!(known(1, "a", START + SECOND).await, "the later one counts");
}
